// SPDX-License-Identifier: Apache-2.0

package document

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
	"go.yaml.in/yaml/v3"
)

// quoteJSON writes a string as JSON does, and leaves "<" and "&" alone.
func quoteJSON(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return `""` // cannot be: a string always encodes
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// quoteHCL is s in the quotes of Terraform, with nothing in it that is evaluated.
func quoteHCL(s string) string {
	return string(hclwrite.TokensForValue(cty.StringVal(s)).Bytes())
}

// quoteYAML writes a string in the double quotes of YAML.
func quoteYAML(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == ' ' || unicode.IsPrint(r) && r != '\uFEFF':
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02X`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			fmt.Fprintf(&b, `\U%08X`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// plainText is what can stand in YAML without quotes, anywhere, as far as the
// characters go.
var plainText = regexp.MustCompile(`^[A-Za-z0-9/]([A-Za-z0-9._/:*+@%~=-]*[A-Za-z0-9._/*+@%~=-])?$`)

// isPlain reports whether a string reads as itself without quotes.
func isPlain(s string) bool {
	if !plainText.MatchString(s) {
		return false
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: s}
	return n.ShortTag() == tagString && plainTag(tagString, s) == tagString
}

// inStyle writes a string as the one it takes the place of is written, as far
// as that can be.
func inStyle(s string, as style) string {
	printable := !strings.ContainsFunc(s, func(r rune) bool { return r != ' ' && !unicode.IsPrint(r) })
	switch {
	case as == plain && isPlain(s):
		return s
	case as == singleQuoted && printable:
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	default:
		return quoteYAML(s)
	}
}

// xmlEscapes are what the text of an element needs.
var xmlEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", "&#xD;")

// escapeXML writes a string as the text of an element.
func escapeXML(s string) string { return xmlEscapes.Replace(s) }
