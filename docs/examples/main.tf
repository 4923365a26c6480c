resource "aws_s3_bucket" "uploads" {
  bucket = "team-a-uploads"
}

resource "aws_s3_bucket_cors_configuration" "uploads" {
  bucket = aws_s3_bucket.uploads.id

  cors_rule {
    id              = "uploads"
    allowed_origins = ["https://app.example.com"]
    allowed_methods = ["GET", "HEAD", "PUT"]
    allowed_headers = ["content-type", "x-amz-*"]
    expose_headers  = ["ETag"]
    max_age_seconds = 3000
  }

  # Everybody may read.
  cors_rule {
    id              = "public-read"
    allowed_origins = ["*"]
    allowed_methods = ["GET", "HEAD"]
  }
}
