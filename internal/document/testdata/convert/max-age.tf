resource "aws_s3_bucket_cors_configuration" "cors_007" {
  bucket = "007"

  cors_rule {
    allowed_origins = ["https://a.example"]
    allowed_methods = ["GET"]
  }

  cors_rule {
    allowed_origins = ["https://b.example"]
    allowed_methods = ["GET"]
    max_age_seconds = 0
  }

  cors_rule {
    allowed_origins = ["https://c.example"]
    allowed_methods = ["GET"]
    max_age_seconds = -2147483648
  }

  cors_rule {
    allowed_origins = ["https://d.example"]
    allowed_methods = ["GET"]
    max_age_seconds = 2147483647
  }
}
