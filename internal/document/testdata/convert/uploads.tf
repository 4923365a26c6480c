resource "aws_s3_bucket_cors_configuration" "web-uploads" {
  bucket = "team-a-uploads"

  cors_rule {
    id              = "uploads"
    allowed_origins = ["https://app.example.com", "https://*.preview.example.com"]
    allowed_methods = ["GET", "PUT", "HEAD"]
    allowed_headers = ["content-type", "x-amz-*"]
    expose_headers  = ["ETag"]
    max_age_seconds = 3000
  }

  cors_rule {
    allowed_origins = [
      "https://x.example.com",
      "https://xx.example.com",
      "https://xxx.example.com",
      "https://xxxx.example.com",
      "https://xxxxx.example.com",
      "https://xxxxxx.example.com",
      "https://xxxxxxx.example.com",
      "https://xxxxxxxx.example.com",
      "https://xxxxxxxxx.example.com",
      "https://xxxxxxxxxx.example.com",
      "https://xxxxxxxxxxx.example.com",
      "https://xxxxxxxxxxxx.example.com",
    ]
    allowed_methods = ["POST", "DELETE"]
    allowed_headers = ["*"]
  }

  cors_rule {
    id              = "public read"
    allowed_origins = ["*"]
    allowed_methods = ["GET", "HEAD"]
    max_age_seconds = 0
  }
}
