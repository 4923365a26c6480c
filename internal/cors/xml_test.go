// SPDX-License-Identifier: Apache-2.0

package cors_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/internal/cors"
)

const xmlDeclaration = `<?xml version="1.0" encoding="UTF-8"?>`

const fullXML = xmlDeclaration + `
<CORSConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <CORSRule>
    <AllowedHeader>X-Amz-*</AllowedHeader>
    <AllowedHeader>content-type</AllowedHeader>
    <AllowedMethod>PUT</AllowedMethod>
    <AllowedMethod>GET</AllowedMethod>
    <AllowedOrigin>https://b.example</AllowedOrigin>
    <AllowedOrigin>https://a.example</AllowedOrigin>
    <ExposeHeader>ETag</ExposeHeader>
    <ExposeHeader>x-amz-request-id</ExposeHeader>
    <ID>uploads</ID>
    <MaxAgeSeconds>0</MaxAgeSeconds>
  </CORSRule>
  <CORSRule>
    <AllowedMethod>GET</AllowedMethod>
    <AllowedOrigin>&lt;&amp;&gt;</AllowedOrigin>
  </CORSRule>
</CORSConfiguration>
`

func TestFormatXML(t *testing.T) {
	got, err := cors.FormatXML(fullConfiguration)
	if err != nil || string(got) != fullXML {
		t.Errorf("got %s, %v", got, err)
	}
	for field, edit := range map[string]func(*cors.Rule, string){
		"id":                func(r *cors.Rule, s string) { r.ID = s },
		"allowedOrigins[0]": func(r *cors.Rule, s string) { r.AllowedOrigins = []string{s} },
		"allowedMethods[1]": func(r *cors.Rule, s string) { r.AllowedMethods = []string{"GET", s} },
		"allowedHeaders[0]": func(r *cors.Rule, s string) { r.AllowedHeaders = []string{s} },
		"exposeHeaders[0]":  func(r *cors.Rule, s string) { r.ExposeHeaders = []string{s} },
	} {
		bad := full()
		edit(&bad, "\x01")
		_, err := cors.FormatXML(cors.Configuration{Rules: []cors.Rule{full(), bad}})
		if want := "rules[1]." + field + `: XML cannot carry "\x01"`; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestParseXML(t *testing.T) {
	const namespace = ` xmlns="http://s3.amazonaws.com/doc/2006-03-01/"`
	for name, test := range map[string]struct {
		document string
		want     cors.Configuration
	}{
		"ours":                {fullXML, fullConfiguration},
		"no namespace":        {strings.Replace(fullXML, namespace, "", 1), fullConfiguration},
		"a namespace prefix":  {`<s:CORSConfiguration xmlns:s="http://s3.amazonaws.com/doc/2006-03-01/"><s:CORSRule><s:ID>a</s:ID></s:CORSRule></s:CORSConfiguration>`, cors.Configuration{Rules: []cors.Rule{{ID: "a"}}}},
		"a byte order mark":   {"\uFEFF" + fullXML, fullConfiguration},
		"CRLF":                {strings.ReplaceAll(fullXML, "\n", "\r\n"), fullConfiguration},
		"no declaration":      {strings.TrimPrefix(fullXML, xmlDeclaration), fullConfiguration},
		"comments":            {`<!-- a --><CORSConfiguration><!-- b --><CORSRule><ID>a<!-- c -->b</ID></CORSRule></CORSConfiguration><!-- d -->`, cors.Configuration{Rules: []cors.Rule{{ID: "ab"}}}},
		"CDATA and escapes":   {`<CORSConfiguration><CORSRule><ID><![CDATA[<&]]>&lt;&#x9;&#xD;</ID></CORSRule></CORSConfiguration>`, cors.Configuration{Rules: []cors.Rule{{ID: "<&<\t\r"}}}},
		"values as they are":  {`<CORSConfiguration><CORSRule><AllowedOrigin> </AllowedOrigin><AllowedOrigin/><MaxAgeSeconds> 5 </MaxAgeSeconds></CORSRule></CORSConfiguration>`, cors.Configuration{Rules: []cors.Rule{{AllowedOrigins: []string{" ", ""}, MaxAgeSeconds: new(int32(5))}}}},
		"elements in between": {`<CORSConfiguration><CORSRule><AllowedMethod>A</AllowedMethod><ID/><AllowedMethod>B</AllowedMethod></CORSRule></CORSConfiguration>`, cors.Configuration{Rules: []cors.Rule{{AllowedMethods: []string{"A", "B"}}}}},
		"an empty document":   {`<CORSConfiguration/>`, cors.Configuration{}},
		"an empty rule":       {`<CORSConfiguration><CORSRule/></CORSConfiguration>`, cors.Configuration{Rules: []cors.Rule{{}}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := cors.ParseXML([]byte(test.document))
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, %v\nwant %+v", got, err, test.want)
			}
		})
	}
}

func TestParseXMLRefuses(t *testing.T) {
	inRule := func(s string) string {
		return "<CORSConfiguration>\n<CORSRule>" + s + "</CORSRule></CORSConfiguration>"
	}
	for name, test := range map[string]struct{ document, want string }{
		"nothing":                  {"", "line 1, column 1: there is no element; want CORSConfiguration"},
		"a comment alone":          {"<!-- a -->\n", "line 2, column 1: there is no element; want CORSConfiguration"},
		"JSON":                     {"[]", `line 1, column 1: the text "[]" is not inside an element of a rule`},
		"another document":         {"<html></html>", `line 1, column 1: want the element CORSConfiguration, not "html"`},
		"another namespace":        {`<CORSConfiguration xmlns="urn:x"/>`, `line 1, column 1: element "CORSConfiguration" is of the namespace "urn:x", not of http://s3.amazonaws.com/doc/2006-03-01/`},
		"an attribute":             {`<CORSConfiguration version="1"/>`, `line 1, column 1: element "CORSConfiguration" has the unknown attribute "version"`},
		"an unknown element":       {"<CORSConfiguration><CORSRules/></CORSConfiguration>", `line 1, column 20: unknown element "CORSRules"; did you mean "CORSRule"?`},
		"an unknown field":         {inRule("<ExposedHeader/>"), `line 2, column 11: unknown element "ExposedHeader"; did you mean "ExposeHeader"?`},
		"a field of JSON":          {inRule("<AllowedOrigins/>"), `line 2, column 11: unknown element "AllowedOrigins"; did you mean "AllowedOrigin"?`},
		"two IDs":                  {inRule("<ID/><ID>a</ID>"), "line 2, column 16: the rule has ID twice"},
		"two max ages":             {inRule("<MaxAgeSeconds>1</MaxAgeSeconds><MaxAgeSeconds>1</MaxAgeSeconds>"), "line 2, column 43: the rule has MaxAgeSeconds twice"},
		"an empty max age":         {inRule("<MaxAgeSeconds/>"), `line 2, column 11: MaxAgeSeconds: "" is not a whole number of seconds`},
		"a max age too large":      {inRule("<MaxAgeSeconds>99999999999</MaxAgeSeconds>"), `line 2, column 11: MaxAgeSeconds: "99999999999" is out of range; S3 stores 32 bits`},
		"an element in a value":    {inRule("<ID>a<b/></ID>"), `line 2, column 16: ID holds the element "b"; want only text`},
		"text in a rule":           {inRule("x"), `line 2, column 11: the text "x" is not inside an element of a rule`},
		"an entity in a value":     {inRule("<ID>&x;</ID>"), "not XML: invalid character entity &x;"},
		"a document type":          {`<!DOCTYPE a [<!ENTITY x "y">]><CORSConfiguration/>`, "line 1, column 1: a document type is not allowed; remove it"},
		"a document type inside":   {inRule("<ID><!DOCTYPE a></ID>"), "line 2, column 15: a document type is not allowed; remove it"},
		"another encoding":         {`<?xml version="1.0" encoding="latin1"?><CORSConfiguration/>`, "line 1, column 1: the document declares another encoding than UTF-8"},
		"a second document":        {"<CORSConfiguration/><CORSConfiguration/>", `line 1, column 21: nothing may follow the configuration, but "CORSConfiguration" does`},
		"text at the end":          {"<CORSConfiguration/> x", `line 1, column 22: the text "x" is not inside an element of a rule`},
		"an end too many":          {"<CORSConfiguration/></a>", "not XML: unexpected end element </a>"},
		"half of a document":       {"<CORSConfiguration>", "line 1, column 20: not XML: unexpected EOF"},
		"half of a rule":           {"<CORSConfiguration><CORSRule>", "not XML: unexpected EOF"},
		"half of a value":          {"<CORSConfiguration><CORSRule><ID>", "not XML: unexpected EOF"},
		"an endless name":          {"<CORSConfiguration></" + strings.Repeat("b", 1000) + ">", "not XML: element <CORSConfiguration> closed by </bbbb"},
		"the wrong end":            {"<CORSConfiguration></b>", "not XML: element <CORSConfiguration> closed by </b>"},
		"a character that is none": {inRule("<ID>\x01</ID>"), "not XML: illegal character code U+0001"},
		"Latin-1":                  {inRule("<ID>\xe9</ID>"), "line 2, column 15: not UTF-8; save it as UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := cors.ParseXML([]byte(test.document))
			if err == nil || !strings.Contains(err.Error(), test.want) || c.Rules != nil {
				t.Errorf("got %+v, %v\nwant %s", c, err, test.want)
			}
			if _, ok := errors.AsType[*cors.ParseError](err); !ok {
				t.Errorf("error %T, want *ParseError", err)
			}
			if n := len(err.Error()); n > 300 {
				t.Errorf("an error of %d bytes", n)
			}
		})
	}
}
