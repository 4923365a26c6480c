resource "aws_s3_bucket_cors_configuration" "cors" {
  bucket = "CHANGE-ME"

  cors_rule {
    id = "\"quoted\" and 'so' \\ 🙂 $${var.x} %%{if} $$${y} # no: comment"
    allowed_origins = [
      "null",
      "*",
      "yes",
      "No",
      "on",
      "OFF",
      "true",
      "~",
      "",
      " a",
      "a ",
      "1",
      "0x1F",
      "1e3",
      "2001-01-01",
      ".inf",
    ]
    allowed_methods = ["GET"]
    allowed_headers = [
      "null",
      "y",
      "- a",
      "a: b",
      "[a]",
      "{a}",
      "&a",
      "!a",
      "|",
      "%a",
      "@a",
      "`a",
      "<<",
      "=",
    ]
    expose_headers = ["null", "123", "1_000", "0o7", "1:30"]
  }

  cors_rule {
    id = "no"
    allowed_origins = [
      "a\tb",
      "a\nb",
      "a\rb",
      "\u00a0\u0085\u2028\ufeff",
      "<&>",
      "$${",
      "%%{",
      "$$",
      "é",
    ]
    allowed_methods = ["PUT"]
  }

  cors_rule {
    id              = "12"
    allowed_origins = ["日本"]
    allowed_methods = ["PUT"]
  }
}
