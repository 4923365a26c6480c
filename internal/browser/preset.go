// SPDX-License-Identifier: Apache-2.0

package browser

// Client is a kind of client whose requests are known.
type Client string

// The clients. Their names are those of the presets of expectations.
const (
	PresignedUpload Client = "PresignedUpload" // puts an object to a presigned URL
	MultipartUpload Client = "MultipartUpload" // uploads in parts, and reads the ETag of each
	RangeReader     Client = "RangeReader"     // reads parts of objects: video, PDF, maps
	SDKBrowser      Client = "SDKBrowser"      // the AWS SDK for JavaScript in a browser
)

// Clients are all of them.
func Clients() []Client { return []Client{PresignedUpload, MultipartUpload, RangeReader, SDKBrowser} }

// Requests are what the client sends from a page of that origin: all of them have
// to get through for it to work. None for a client that is not known.
//
// They are what a client of the kind needs to do its work, and no more; what some
// need on top is for the caller to add: x-amz-acl for an upload that sets it,
// if-match and range for a reader that makes sure of its file or asks for its end,
// x-amz-checksum-crc32 to be read for an SDK that compares it. Of the SDK there is
// what gets and puts objects; what it does beside that goes by the application.
func (c Client) Requests(origin string) []Request {
	requests := c.requests()
	for i := range requests {
		requests[i].Origin = origin
	}
	return requests
}

func (c Client) requests() []Request {
	switch c {
	case PresignedUpload:
		// A file has a type, which the browser sends as content-type, and the
		// signature is in the URL:
		// https://docs.aws.amazon.com/AmazonS3/latest/userguide/PresignedUrlUploadObject.html
		return []Request{{Name: "PutObject", Method: "PUT", Headers: []string{"content-type"}}}
	case MultipartUpload:
		// All of the upload is done in the browser: one whose server creates and
		// completes it puts the parts alone, and needs less than this client.
		//
		// The parts of a file have no type, and the URLs are presigned, so that no
		// header needs permission; a type for the object would. The ETag of each part
		// is what completes the upload:
		// https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
		return []Request{
			{Name: "CreateMultipartUpload", Method: "POST"},
			{Name: "UploadPart", Method: "PUT", Reads: []string{"ETag"}},
			{Name: "CompleteMultipartUpload", Method: "POST"},
			{Name: "AbortMultipartUpload", Method: "DELETE"},
		}
	case RangeReader:
		// A simple range such as "bytes=0-99" is safelisted, and with it come the
		// place in the object, whether there are ranges at all, and what tells that
		// the object is still the same. The length is readable without being exposed.
		// https://github.com/mozilla/pdf.js (src/display/network_utils.js) reads
		// Accept-Ranges, https://github.com/protomaps/PMTiles (js/src/index.ts) ETag,
		// https://github.com/geotiffjs/geotiff.js (src/source/remote.js) Content-Range.
		// Others ask for the length with HEAD, which is a method of its own to S3.
		return []Request{
			{Name: "GetObject", Method: "GET", Reads: []string{"Content-Range", "Accept-Ranges", "ETag", "Content-Length"}},
			{Name: "HeadObject", Method: "HEAD", Reads: []string{"Content-Length"}},
		}
	case SDKBrowser:
		// Version 3 signs in headers, names itself and its attempts, and asks for and
		// sends checksums; credentials in browsers are temporary ones, with a token:
		// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
		// https://docs.aws.amazon.com/sdkref/latest/guide/feature-dataintegrity.html
		// https://github.com/Kitware/VolView/issues/869
		return []Request{
			{Name: "GetObject", Method: "GET", Headers: sdkHeaders("x-amz-checksum-mode")},
			{Name: "PutObject", Method: "PUT", Headers: sdkHeaders("content-type", "x-amz-checksum-crc32", "x-amz-sdk-checksum-algorithm")},
		}
	default:
		return nil
	}
}

// sdkHeaders are the headers that the SDK sends with every request, and more.
func sdkHeaders(more ...string) []string {
	return append([]string{
		"amz-sdk-invocation-id", "amz-sdk-request", "authorization",
		"x-amz-content-sha256", "x-amz-date", "x-amz-security-token", "x-amz-user-agent",
	}, more...)
}
