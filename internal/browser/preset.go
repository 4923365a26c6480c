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

// Requests are what the client sends from a page of that origin: all of them have
// to get through for it to work. None for a client that is not known.
func (c Client) Requests(origin string) []Request { panic("not written yet") }
