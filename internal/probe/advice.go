// SPDX-License-Identifier: Apache-2.0

package probe

import "strings"

// front is what is in front of a bucket, as far as the answers show it.
type front int

const (
	unknownFront front = iota
	varnish
	cloudFront
	cloudflare
	nginx
)

// front looks at all answers.
func (q *inquiry) front() front {
	found := unknownFront
	for _, r := range q.seen {
		found = max(found, r.front())
	}
	return found
}

func (r reply) front() front {
	via := strings.ToLower(strings.Join(append(r.Header.Values("Via"), r.Header.Values("X-Cache")...), " "))
	server := strings.ToLower(r.Header.Get("Server"))
	switch {
	case strings.Contains(server, "nginx") || strings.Contains(server, "openresty"):
		return nginx
	case r.Header.Get("Cf-Ray") != "" || server == "cloudflare":
		return cloudflare
	case r.Header.Get("X-Amz-Cf-Id") != "" || strings.Contains(via, "cloudfront") || server == "cloudfront":
		return cloudFront
	case r.Header.Get("X-Varnish") != "" || strings.Contains(via, "varnish"):
		return varnish
	}
	return unknownFront
}

// passOn is how to have the headers of preflights passed on.
func (f front) passOn() string {
	switch f {
	case cloudFront:
		return "CloudFront: attach the managed origin request policy CORS-S3Origin to the behavior (CORS-CustomOrigin if the bucket is not on Amazon S3), " +
			"and a cache policy that has Origin among its headers; the allowed methods have to include OPTIONS"
	case cloudflare:
		return "Cloudflare: look for a transform rule or a worker that removes Origin or Access-Control-Request-Method and -Headers, and pass them on"
	case nginx:
		return "nginx: remove proxy_set_header lines that empty Origin, Access-Control-Request-Method or Access-Control-Request-Headers, for requests of all methods"
	case varnish, unknownFront:
	}
	return "have the proxy or CDN pass on Origin, Access-Control-Request-Method and Access-Control-Request-Headers to the bucket"
}

// keyByOrigin is how to have a cache tell origins apart.
func (f front) keyByOrigin() string {
	switch f {
	case cloudFront:
		return "CloudFront: use a cache policy with the headers Origin, Access-Control-Request-Method and Access-Control-Request-Headers in its cache key, " +
			"attach the managed origin request policy CORS-S3Origin (CORS-CustomOrigin if the bucket is not on Amazon S3), then invalidate /*"
	case cloudflare:
		return "Cloudflare: have a cache rule put the header Origin into the cache key, or not cache what is asked with it; then purge the cache"
	case nginx:
		return "nginx: add $http_origin to proxy_cache_key, and cache GET and HEAD alone; then empty the cache"
	case varnish:
		return "Varnish or Fastly: add hash_data(req.http.Origin); to vcl_hash, or have all answers say Vary: Origin, also those to requests without one; then purge the cache"
	case unknownFront:
	}
	return "put the header Origin into the key of the cache, do not cache OPTIONS, and then empty the cache"
}

// passPreflights is how to have the bucket answer preflights.
func (f front) passPreflights() string {
	switch f {
	case cloudFront:
		return "CloudFront: add OPTIONS to the allowed methods of the behavior, attach the managed origin request policy CORS-S3Origin " +
			"(CORS-CustomOrigin if the bucket is not on Amazon S3), and remove functions and response headers policies that answer CORS"
	case cloudflare:
		return "Cloudflare: look for a worker, an Access application or a rule that answers OPTIONS, and have it leave them to the bucket"
	case nginx:
		return "nginx: remove the block that answers OPTIONS (such as: if ($request_method = OPTIONS) { return 204; }, or a limit_except without OPTIONS) and the add_header lines for Access-Control, " +
			"and pass OPTIONS to the bucket"
	case varnish, unknownFront:
	}
	return "have the proxy or CDN pass OPTIONS to the bucket, and take its own CORS settings away"
}

// leaveHeaders is how to have the headers of the bucket left as they are.
func (f front) leaveHeaders() string {
	switch f {
	case cloudFront:
		return "CloudFront: remove the CORS part of the response headers policy of the behavior, or functions that set the header"
	case cloudflare:
		return "Cloudflare: remove the transform rule or the worker that sets Access-Control-Allow-Origin"
	case nginx:
		return "nginx: remove the add_header and proxy_hide_header lines for Access-Control, and leave those headers to the bucket"
	case varnish, unknownFront:
	}
	return "have the proxy or CDN leave the Access-Control headers to the bucket"
}
