// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/bucketcors/bucketcors/internal/browser"
)

// reply is what came back for an ask: an answer, or an error.
type reply struct {
	browser.Answer
	document document
	err      error
}

// document is what the body of an answer of S3 says.
//
// See https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html.
type document struct {
	XMLName  xml.Name
	Code     string `xml:"Code"`
	Message  string `xml:"Message"`
	Method   string `xml:"Method"`
	Region   string `xml:"Region"`
	Endpoint string `xml:"Endpoint"`
}

// newReply reads an answer, of whose body the beginning is there.
func newReply(status int, header http.Header, body []byte) reply {
	r := reply{Answer: browser.Answer{Status: status, Header: header}}
	d := &r.document
	_ = xml.Unmarshal(body, d) // what is cut off, as a long list is, has still told what it is
	if d.Code == "" {          // HEAD has no body, and that of the website endpoints is HTML
		d.Code, d.Message = header.Get("X-Amz-Error-Code"), header.Get("X-Amz-Error-Message")
	}
	d.Code, d.Message = clean(d.Code, 64), clean(d.Message, 400)
	d.Method, d.Region = strings.TrimSpace(d.Method), strings.TrimSpace(d.Region)
	return r
}

// fromS3 reports whether an S3 service had a part in the answer: by its headers,
// or by its documents. What CloudFront adds, such as x-amz-cf-id, does not count.
func (r reply) fromS3() bool {
	if r.err != nil {
		return false
	}
	for _, name := range []string{"X-Amz-Request-Id", "X-Amz-Id-2", "X-Amz-Bucket-Region", "X-Minio-Deployment-Id"} {
		if r.Header.Get(name) != "" {
			return true
		}
	}
	server := strings.ToLower(r.Header.Get("Server"))
	if slices.ContainsFunc([]string{"amazons3", "minio", "versitygw", "seaweedfs", "ceph"}, func(s string) bool {
		return strings.Contains(server, s)
	}) {
		return true
	}
	switch r.document.XMLName.Local {
	case "Error":
		return r.document.Code != ""
	case "ListBucketResult", "ListAllMyBucketsResult":
		return true
	}
	return false
}

// fromAmazon reports whether Amazon S3 itself answers, and not a server like it.
func (r reply) fromAmazon() bool { return strings.Contains(r.Header.Get("Server"), "AmazonS3") }

// bucketMissing reports whether the answer says that there is no such bucket.
func (r reply) bucketMissing() bool {
	return r.document.Code == "NoSuchBucket" || r.document.Message == "CORSResponse: Bucket not found"
}

// said is the answer in a few words: its status and, where S3 gives one, its code.
func (r reply) said() string {
	if r.document.Code != "" {
		return strconv.Itoa(r.Status) + " " + r.document.Code
	}
	return statusText(r.Status)
}

// redirects reports whether the answer sends elsewhere.
func (r reply) redirects() bool {
	return slices.Contains([]int{301, 302, 303, 307, 308}, r.Status)
}

var redirectCodes = []string{"PermanentRedirect", "TemporaryRedirect", "Redirect"}

// amazonHost finds the region in the hosts of Amazon S3.
var amazonHost = regexp.MustCompile(`\bs3(?:-website)?[.-](?:dualstack\.)?([a-z]{2}(?:-[a-z]+)+-\d+)\.amazonaws\.com`)

// region is the region that an answer sends to; empty where it tells none.
func (r reply) region() string {
	if region := r.Header.Get("X-Amz-Bucket-Region"); region != "" {
		return clean(region, 64)
	}
	if r.document.Region != "" {
		return clean(r.document.Region, 64)
	}
	for _, place := range []string{r.document.Endpoint, r.Header.Get("Location")} {
		if found := amazonHost.FindStringSubmatch(place); found != nil {
			return found[1]
		}
	}
	return ""
}

// location is scheme and host of where an answer redirects to from a target; empty
// if to another path there. The rest of the URL may hold a signature.
func (r reply) location(target string) string {
	u, err := url.Parse(r.Header.Get("Location"))
	if err != nil || u.Host == "" {
		return ""
	}
	if from, err := url.Parse(target); err == nil && strings.EqualFold(u.Host, from.Host) && (u.Scheme == "" || u.Scheme == from.Scheme) {
		return ""
	}
	return clean(u.Scheme+"://"+u.Host, 200)
}

// overloaded reports whether the service, or what is in front of it, says that it
// cannot answer now. From 520 on these are Cloudflare's.
func (r reply) overloaded() bool {
	switch r.Status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return r.Status >= 520 && r.Status <= 530
}

// id is what S3 names an answer by, which a cache keeps along with it; empty if
// there is none.
func (r reply) id() string { return r.Header.Get("X-Amz-Request-Id") }

// fromCache reports whether a cache says that it gave the answer.
func (r reply) fromCache() bool {
	for _, name := range []string{"X-Cache", "Cf-Cache-Status", "X-Cache-Status", "X-Proxy-Cache", "Cache-Status"} {
		for _, value := range r.Header.Values(name) {
			if strings.Contains(strings.ToLower(value), "hit") {
				return true
			}
		}
	}
	age := r.Header.Get("Age")
	return age != "" && age != "0"
}

// clean makes one line of at most n characters of a text that came from elsewhere.
func clean(text string, n int) string {
	printable := strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(text, " "))
	text = strings.Join(strings.Fields(printable), " ")
	if characters := []rune(text); len(characters) > n {
		return string(characters[:n]) + "..."
	}
	return text
}
