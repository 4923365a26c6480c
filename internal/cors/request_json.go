// SPDX-License-Identifier: Apache-2.0

package cors

import (
	"errors"
	"io"
)

// The keys of a request in JSON.
const (
	jsonName       = "name"
	jsonHTTPMethod = "httpMethod"
	jsonResource   = "resource"
	jsonHeaders    = "headers"
)

var jsonRequestKeys = []string{jsonName, jsonHTTPMethod, jsonResource, jsonHeaders}

// ParseRequest reads one request as in a line of `bucketcors evaluate
// --requests`:
//
//	{"name":"x","httpMethod":"OPTIONS","resource":"object","headers":{"Origin":"https://a.example"}}
//
// The method must be there. The resource is "object", which is also what is meant
// without one, or "bucket". The value of a header is a string or an array of
// strings, for one that comes several times; see NewRequest, which applies.
//
// It is as strict as ParseJSON: a key that is unknown, differs in case or comes
// twice is an error, and so is a header that comes twice, in whatever case. The
// error is a *ParseError, whose column is that within the line. The name comes
// with it if it was read before.
func ParseRequest(line []byte) (name string, r Request, err error) {
	data := withoutBOM(line)
	if err := checkEncoding(data); err != nil {
		return "", Request{}, err
	}
	p := newJSONParser(data)
	if name, err = p.request(&r); err != nil {
		return name, Request{}, err
	}
	return name, r, nil
}

// request reads the whole line into r.
func (p *jsonParser) request(r *Request) (name string, err error) {
	if err := p.open('{', `a request, {"httpMethod": …, "headers": …}`); err != nil {
		return "", err
	}
	seen, err := p.object("the request", jsonRequestKeys, func(key string) (err error) {
		switch key {
		case jsonName:
			name, err = p.string(key)
		case jsonHTTPMethod:
			r.Method, err = p.httpMethod()
		case jsonResource:
			r.Resource, err = p.resource()
		case jsonHeaders:
			err = p.requestHeaders(r)
		}
		return err
	})
	switch {
	case err != nil:
		return name, err
	case !seen[jsonHTTPMethod]:
		return name, p.fail("the request has no %q; give one, such as GET, or OPTIONS for a preflight", jsonHTTPMethod)
	}
	p.skip()
	if token, err := p.decoder.Token(); !errors.Is(err, io.EOF) {
		if err == nil {
			return name, p.fail("nothing may follow the request, but %s does; write one on each line", kindOf(token))
		}
		return name, p.fail("nothing may follow the request")
	}
	return name, nil
}

func (p *jsonParser) httpMethod() (string, error) {
	method, err := p.string(jsonHTTPMethod)
	if err != nil {
		return "", err
	}
	if err := checkMethod(method); err != nil {
		return "", p.fail("%s", err)
	}
	return method, nil
}

func (p *jsonParser) resource() (Resource, error) {
	s, err := p.string(jsonResource)
	switch {
	case err != nil:
		return 0, err
	case s == "object":
		return Object, nil
	case s == "bucket":
		return Bucket, nil
	default:
		return 0, p.fail("%s", unknownName(jsonResource, s, []string{"object", "bucket"}))
	}
}

// requestHeaders reads the object of headers into r.
func (p *jsonParser) requestHeaders(r *Request) error {
	if err := p.open('{', jsonHeaders+" to be an object"); err != nil {
		return err
	}
	seen := map[string]bool{} // in lower case
	for p.more() {
		name, err := p.string(jsonHeaders)
		if err != nil {
			return err
		}
		if err := checkHeader(name, nil); err != nil {
			return p.fail("%s", err)
		}
		if seen[lowerASCII(name)] {
			return p.fail("the header %s comes twice; give it an array of values", word(name))
		}
		seen[lowerASCII(name)] = true
		if err := p.requestHeader(name, r); err != nil {
			return err
		}
	}
	_, err := p.next() // the closing brace
	return err
}

// requestHeader reads the value of a header, or an array of them, into r.
func (p *jsonParser) requestHeader(name string, r *Request) error {
	p.skip()
	start := p.start
	var values []string
	if start < len(p.data) && p.data[start] == '[' {
		if _, err := p.next(); err != nil {
			return err
		}
		for p.more() {
			v, err := p.headerValue(name)
			if err != nil {
				return err
			}
			values = append(values, v)
		}
		if _, err := p.next(); err != nil { // the closing bracket
			return err
		}
	} else {
		v, err := p.headerValue(name)
		if err != nil {
			return err
		}
		values = append(values, v)
	}
	var relevant requestHeaders
	relevant.add(name, values)
	if err := relevant.fill(r); err != nil {
		return parseErrorAt(p.data, start, "%s", err)
	}
	return nil
}

func (p *jsonParser) headerValue(name string) (string, error) {
	v, err := p.string(word(name))
	if err != nil {
		return "", err
	}
	if err := checkHeader(name, []string{v}); err != nil {
		return "", p.fail("%s", err)
	}
	return v, nil
}
