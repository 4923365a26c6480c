resource "aws_s3_bucket_cors_configuration" "Twice_Given" {
  bucket = "CHANGE-ME"

  cors_rule {
    allowed_origins = ["https://a.example", "https://a.example"]
    allowed_methods = ["GET"]
    max_age_seconds = 5
  }

  cors_rule {
    allowed_origins = ["https://b.example"]
    allowed_methods = ["GET"]
    max_age_seconds = 5
  }

  cors_rule {
    allowed_origins = ["https://b.example"]
    allowed_methods = ["GET"]
    max_age_seconds = 5
  }
}
