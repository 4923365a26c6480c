// SPDX-License-Identifier: Apache-2.0

package s3

import (
	"bytes"
	"encoding/xml"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// answer is what a server sent, read whole.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// serverError is the error document of S3. The SDK keeps only code and message
// of it, and makes up a code when there is none.
//
// See https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html.
type serverError struct {
	Code    string `xml:"Code"`
	Message string `xml:"Message"`
	Region  string `xml:"Region"`
}

// serverError returns the error document of the answer, empty when the answer
// holds none.
func (a *answer) serverError() serverError {
	var e serverError
	if err := xml.Unmarshal(a.body, &e); err != nil {
		return serverError{}
	}
	e.Code, e.Message, e.Region = strings.TrimSpace(e.Code), strings.TrimSpace(e.Message), strings.TrimSpace(e.Region)
	return e
}

// root returns the name of the outermost XML element of the body, and nothing
// for an empty body or for one that is not XML.
func (a *answer) root() string {
	decoder := xml.NewDecoder(bytes.NewReader(a.body))
	for {
		token, err := decoder.Token()
		if err != nil {
			return ""
		}
		if element, ok := token.(xml.StartElement); ok {
			return element.Name.Local
		}
	}
}

// html tells a web page, which is what a console or a proxy answers where an
// S3 service was expected, and with any status.
func (a *answer) html() bool {
	return strings.EqualFold(a.root(), "html") ||
		strings.Contains(strings.ToLower(a.header.Get("Content-Type")), "text/html")
}

// expectedRegion finds the region in the texts of servers that do not send it
// by itself: "the region 'a' is wrong; expecting 'b'" (AWS, versitygw), and
// "expected: 20060102/b/s3/aws4_request" (Garage).
var expectedRegion = regexp.MustCompile(`expecting '([^']+)'|expected: [^/\s]*/([^/\s]+)/s3/aws4_request`)

// region returns the region of the bucket, if the answer tells it.
func (a *answer) region(e serverError) string {
	if region := a.header.Get("X-Amz-Bucket-Region"); region != "" {
		return region
	}
	if e.Region != "" {
		return e.Region
	}
	if found := expectedRegion.FindStringSubmatch(e.Message); found != nil {
		return found[1] + found[2]
	}
	return ""
}

// redirectsTo returns scheme and host of the place that the answer redirects
// to. The rest of the URL is left out: it may hold a signature.
func (a *answer) redirectsTo() string {
	u, err := url.Parse(a.header.Get("Location"))
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// absent reports whether the answer says that the bucket has no CORS
// configuration. AWS sends 404 NoSuchCORSConfiguration; old releases of Ceph
// send a 404 with a more general code. Those count for nothing where the
// endpoint has a path: if that is a bucket, they are about an object. A 404
// without any code is no such answer either: it may come from a proxy that knows
// no bucket at all.
func (a *answer) absent(endpoint string) bool {
	if a.status != http.StatusNotFound {
		return false
	}
	code := a.serverError().Code
	return code == "NoSuchCORSConfiguration" || (!endpointHasPath(endpoint) && slices.Contains([]string{"NoSuchKey", "NotFound"}, code))
}

var (
	checksumCodes = []string{"BadDigest", "InvalidDigest", "MissingContentMD5"}
	checksumWords = regexp.MustCompile(`(?i)content-md5|checksum|digest`)
	// quoted are values of the configuration, which servers repeat in
	// their messages and which may hold the words above.
	quoted = regexp.MustCompile(`"[^"]*"`)
)

// refusesChecksum reports whether the server does not take the checksum that
// was sent: releases of CloudServer before August 2025 answer CRC32 with
// BadDigest, others with 400 or 501 and a message that names the header.
func (a *answer) refusesChecksum() bool {
	if a.status != http.StatusBadRequest && a.status != http.StatusNotImplemented {
		return false
	}
	e := a.serverError()
	return slices.Contains(checksumCodes, e.Code) || checksumWords.MatchString(quoted.ReplaceAllString(e.Message, ""))
}
