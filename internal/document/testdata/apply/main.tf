resource "aws_s3_bucket_cors_configuration" "uploads" {
  bucket = "b" # the bucket

  cors_rule {
    allowed_origins = [
      "https://a.example/", # a
      "https://b.example,https://c.example",
      "https://d.example"
    ]
    allowed_methods = ["GET", "PUT", "OPTIONS"]
    allowed_headers = ["x"]
  }
}
