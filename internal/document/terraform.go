// SPDX-License-Identifier: Apache-2.0

package document

import (
	"bytes"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/gocty"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// The resources of the AWS provider that have CORS rules, and what is in them.
const (
	terraformResource = "aws_s3_bucket_cors_configuration"
	terraformBucket   = "aws_s3_bucket" // with the rules inside, up to version 3 of the provider
	terraformRule     = "cors_rule"

	terraformID             = "id"
	terraformAllowedOrigins = "allowed_origins"
	terraformAllowedMethods = "allowed_methods"
	terraformAllowedHeaders = "allowed_headers"
	terraformExposeHeaders  = "expose_headers"
	terraformMaxAgeSeconds  = "max_age_seconds"
)

var (
	terraformRuleAttributes = []string{
		terraformID, terraformAllowedOrigins, terraformAllowedMethods,
		terraformAllowedHeaders, terraformExposeHeaders, terraformMaxAgeSeconds,
	}
	// terraformResourceNames are what may be in a terraformResource, Terraform's
	// own arguments among them.
	terraformResourceNames = []string{
		terraformRule, "bucket", "expected_bucket_owner", "region",
		"count", "depends_on", "for_each", "lifecycle", "provider", "provisioner", "connection",
	}
)

// readTerraform reads the rules of every aws_s3_bucket_cors_configuration, and
// those inside an aws_s3_bucket, in HCL's native syntax. Only literals can be
// read: what has to be evaluated is an error that names it. The order of the
// rules is that of the file, which the AWS provider does not keep.
func readTerraform(data []byte) ([]*Document, error) {
	r := &terraformReader{places: newPlaces(data), data: data}
	body, err := r.parse()
	if err != nil {
		return nil, err
	}
	r.buckets = map[string]*hclsyntax.Body{}
	for _, b := range body.Blocks {
		if b.Type == "resource" && len(b.Labels) == 2 && b.Labels[0] == terraformBucket {
			r.buckets[b.Labels[1]] = b.Body
		}
	}
	var documents []*Document
	for _, b := range body.Blocks {
		if b.Type != "resource" || len(b.Labels) != 2 {
			continue
		}
		isConfiguration := b.Labels[0] == terraformResource
		if !isConfiguration && b.Labels[0] != terraformBucket {
			continue
		}
		d, err := r.resource(b, isConfiguration)
		if err != nil {
			return nil, err
		}
		if isConfiguration || len(d.Configuration.Rules) > 0 {
			documents = append(documents, d)
		}
	}
	if len(documents) == 0 {
		for _, b := range body.Blocks {
			if a := b.Body.Attributes[terraformRule]; a != nil {
				return nil, r.fail(a.NameRange, "the rules of a %s are not read; %s", b.Type, useLiveBucket)
			}
		}
		return nil, r.problem(0, "there are no CORS rules here: want a resource %q, or %s blocks in an %q",
			terraformResource, terraformRule, terraformBucket)
	}
	return documents, nil
}

// terraformReader reads one file.
type terraformReader struct {
	*places
	data []byte
	// buckets are what is in the resources of that type, by name.
	buckets map[string]*hclsyntax.Body
}

// fail is an error at a range of the file.
func (r *terraformReader) fail(at hcl.Range, format string, args ...any) error {
	return r.problem(at.Start.Byte, format, args...)
}

// The parser of HCL calls itself for whatever is nested, wants some 13 kB of
// stack for each bracket and more time than is due for each template directive;
// its tokens are a hundred times the bytes of which they are made. The pieces of
// a string, such as the lines of a heredoc, it joins one by one, and copies all
// that it has each time.
const (
	maxTerraformBytes     = 2 << 20
	maxTerraformDepth     = 500
	maxTerraformOperators = 10000
	maxTerraformCopies    = 1 << 28 // bytes
)

// parse checks that the file is not more than the parser can take, and parses it.
func (r *terraformReader) parse() (_ *hclsyntax.Body, err error) {
	text := bytes.TrimPrefix(r.data, byteOrderMark)
	if len(text) > maxTerraformBytes {
		return nil, r.problem(0, "Terraform files of more than %d MiB are not read; give the resources with CORS rules in a file of their own",
			maxTerraformBytes>>20)
	}
	if err := r.checkNesting(); err != nil {
		return nil, err
	}
	// The parser panics when it loses count of itself, on input that nobody knows.
	defer func() {
		if lost := recover(); lost != nil {
			err = r.problem(0, "not Terraform: the parser of HCL gave up: %s", cors.Quote(fmt.Sprint(lost)))
		}
	}()
	file, diagnostics := hclsyntax.ParseConfig(r.data, "", hcl.InitialPos)
	for _, d := range diagnostics {
		if d.Severity != hcl.DiagError {
			continue
		}
		at := hcl.Range{}
		if d.Subject != nil {
			at = *d.Subject
		}
		return nil, r.fail(at, "not Terraform: %s", sentence(d))
	}
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok {
		return nil, r.problem(0, "not Terraform")
	}
	return body, nil
}

// sentence is what the parser says, on one line.
func sentence(d *hcl.Diagnostic) string {
	text := strings.TrimSuffix(d.Detail, ".")
	if text == "" {
		text = d.Summary
	}
	return strings.Join(strings.Fields(strings.ToValidUTF8(text, "\uFFFD")), " ")
}

// checkNesting refuses what would take the parser too deep.
func (r *terraformReader) checkNesting() error {
	// What is wrong with the tokens is for the parser to say.
	tokens, _ := hclsyntax.LexConfig(r.data, "", hcl.InitialPos)
	depth, operators, text, copies := 0, 0, 0, 0
	for _, t := range tokens {
		if t.Type == hclsyntax.TokenQuotedLit || t.Type == hclsyntax.TokenStringLit {
			text += len(t.Bytes)
			copies += text
		} else {
			text = 0
		}
		switch t.Type { //nolint:exhaustive // the others do not nest
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenOQuote,
			hclsyntax.TokenOHeredoc, hclsyntax.TokenTemplateInterp:
			depth++
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCQuote,
			hclsyntax.TokenCHeredoc:
			depth--
		case hclsyntax.TokenTemplateControl:
			depth++
			operators++
		case hclsyntax.TokenTemplateSeqEnd:
			depth--
		case hclsyntax.TokenMinus, hclsyntax.TokenBang, hclsyntax.TokenQuestion, hclsyntax.TokenStar:
			operators++
		}
		if depth > maxTerraformDepth {
			return r.fail(t.Range, "more than %d levels of nesting", maxTerraformDepth)
		}
		if copies > maxTerraformCopies {
			return r.fail(t.Range, "too much text in strings; give the resources with CORS rules in a file of their own")
		}
		if operators > maxTerraformOperators {
			return r.fail(t.Range, "more than %d operators; give the resources with CORS rules in a file of their own",
				maxTerraformOperators)
		}
	}
	return nil
}

// resource reads a resource that has CORS rules, or may have.
func (r *terraformReader) resource(b *hclsyntax.Block, isConfiguration bool) (*Document, error) {
	d := &Document{
		Format: Terraform,
		Name:   b.Labels[0] + "." + b.Labels[1],
		spans:  map[string]span{cors.Path(-1, "", -1): spanOf(b.DefRange())},
	}
	if err := r.checkResource(b.Body, isConfiguration); err != nil {
		return nil, err
	}
	d.Bucket = r.bucket(b.Body)
	for _, inner := range b.Body.Blocks {
		if inner.Type != terraformRule {
			continue
		}
		rule, err := r.rule(d, len(d.Configuration.Rules), inner)
		if err != nil {
			return nil, err
		}
		d.Configuration.Rules = append(d.Configuration.Rules, rule)
	}
	return d, nil
}

// bucket is the name of the bucket of a resource, if that is plain to see.
func (r *terraformReader) bucket(body *hclsyntax.Body) string {
	a := body.Attributes["bucket"]
	if a == nil {
		return ""
	}
	value := withoutParentheses(a.Expr)
	if reference, ok := value.(*hclsyntax.ScopeTraversalExpr); ok && len(reference.Traversal) == 3 {
		name, isName := reference.Traversal[1].(hcl.TraverseAttr)
		of, isOf := reference.Traversal[2].(hcl.TraverseAttr)
		if !isName || !isOf || reference.Traversal.RootName() != terraformBucket || of.Name != "id" && of.Name != "bucket" ||
			r.buckets[name.Name] == nil || r.buckets[name.Name].Attributes["bucket"] == nil {
			return ""
		}
		value = withoutParentheses(r.buckets[name.Name].Attributes["bucket"].Expr)
	}
	name, err := r.string(a.Name, value)
	if err != nil {
		return ""
	}
	return name
}

// checkResource refuses what makes rules in another way, and names that nobody
// knows. Of a bucket, which has many more of them, it only looks at the rules.
func (r *terraformReader) checkResource(body *hclsyntax.Body, isConfiguration bool) error {
	for _, a := range inOrder(body.Attributes) {
		switch {
		case a.Name == terraformRule:
			return r.fail(a.NameRange, "%s is a block and not an argument: write %s { … } for each rule", terraformRule, terraformRule)
		case isConfiguration && !slices.Contains(terraformResourceNames, a.Name):
			return r.fail(a.NameRange, "%s", cors.UnknownName("argument", a.Name, terraformResourceNames))
		}
	}
	for _, b := range body.Blocks {
		switch {
		case b.Type == "dynamic" && slices.Equal(b.Labels, []string{terraformRule}):
			return r.fail(b.TypeRange, "a dynamic block has to be evaluated, and bucketcors does not evaluate Terraform; %s", useLiveBucket)
		case b.Type == terraformRule && len(b.Labels) > 0:
			return r.fail(b.LabelRanges[0], "a %s has no label", terraformRule)
		case isConfiguration && !slices.Contains(terraformResourceNames, b.Type):
			return r.fail(b.TypeRange, "%s", cors.UnknownName("block", b.Type, terraformResourceNames))
		}
	}
	return nil
}

// inOrder are attributes in the order of the file.
func inOrder(attributes hclsyntax.Attributes) []*hclsyntax.Attribute {
	list := make([]*hclsyntax.Attribute, 0, len(attributes))
	for _, a := range attributes {
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b *hclsyntax.Attribute) int { return a.SrcRange.Start.Byte - b.SrcRange.Start.Byte })
	return list
}

// rule reads the block of the rule with index i, and notes where things are.
func (r *terraformReader) rule(d *Document, i int, b *hclsyntax.Block) (cors.Rule, error) {
	d.spans[cors.Path(i, "", -1)] = spanOf(b.Range())
	var rule cors.Rule
	if len(b.Body.Blocks) > 0 {
		inner := b.Body.Blocks[0]
		if inner.Type == "dynamic" {
			return rule, r.fail(inner.TypeRange, "a dynamic block has to be evaluated, and bucketcors does not evaluate Terraform; %s", useLiveBucket)
		}
		if slices.Contains(terraformRuleAttributes, inner.Type) {
			return rule, r.fail(inner.TypeRange, "%s is an argument and not a block: write %s = …", inner.Type, inner.Type)
		}
		return rule, r.fail(inner.TypeRange, "%s", cors.UnknownName("block", inner.Type, terraformRuleAttributes))
	}
	for _, a := range inOrder(b.Body.Attributes) {
		if err := r.attribute(d, i, &rule, a); err != nil {
			return rule, err
		}
	}
	return rule, nil
}

// attribute reads an argument of the rule with index i.
func (r *terraformReader) attribute(d *Document, i int, rule *cors.Rule, a *hclsyntax.Attribute) (err error) {
	value := withoutParentheses(a.Expr)
	set := func(field cors.Field) { d.spans[cors.Path(i, field, -1)] = spanOf(value.Range()) }
	list := func(field cors.Field) ([]string, error) {
		set(field)
		return r.strings(d, i, field, a.Name, value)
	}
	isNull := isNullLiteral(value)
	switch a.Name {
	case terraformAllowedOrigins:
		rule.AllowedOrigins, err = list(cors.FieldAllowedOrigins)
	case terraformAllowedMethods:
		rule.AllowedMethods, err = list(cors.FieldAllowedMethods)
	case terraformAllowedHeaders:
		rule.AllowedHeaders, err = list(cors.FieldAllowedHeaders)
	case terraformExposeHeaders:
		rule.ExposeHeaders, err = list(cors.FieldExposeHeaders)
	case terraformID:
		set(cors.FieldID)
		if !isNull {
			rule.ID, err = r.string(a.Name, value)
		}
	case terraformMaxAgeSeconds:
		set(cors.FieldMaxAgeSeconds)
		if !isNull {
			rule.MaxAgeSeconds, err = r.seconds(a.Name, value)
		}
	default:
		err = r.fail(a.NameRange, "%s", cors.UnknownName("argument", a.Name, terraformRuleAttributes))
	}
	return err
}

// strings reads a list of strings; null, as in Terraform, is none.
func (r *terraformReader) strings(d *Document, i int, field cors.Field, name string, e hclsyntax.Expression) ([]string, error) {
	if isNullLiteral(e) {
		return nil, nil
	}
	tuple, ok := e.(*hclsyntax.TupleConsExpr)
	if !ok {
		return nil, r.notLiteral(name, "a list of strings", e)
	}
	var list []string
	for j, item := range tuple.Exprs {
		item = withoutParentheses(item)
		s, err := r.string(name, item)
		if err != nil {
			return nil, err
		}
		d.spans[cors.Path(i, field, j)] = spanOf(item.Range())
		list = append(list, s)
	}
	return list, nil
}

// string reads a string in quotes.
func (r *terraformReader) string(name string, e hclsyntax.Expression) (string, error) {
	template, ok := e.(*hclsyntax.TemplateExpr)
	if !ok {
		return "", r.notLiteral(name, "a string in quotes", e)
	}
	for _, part := range template.Parts {
		if !isLiteral(part) {
			return "", r.notLiteral(name, "a string in quotes", part)
		}
	}
	at := template.Range()
	if r.data[at.Start.Byte] != '"' {
		return "", r.fail(at, "%s: want a string in quotes, not a heredoc, which ends with a line break", name)
	}
	v, diagnostics := template.Value(nil)
	if diagnostics.HasErrors() || v.IsNull() || !v.IsKnown() || v.Type() != cty.String {
		return "", r.notLiteral(name, "a string in quotes", e)
	}
	return v.AsString(), nil
}

// seconds reads a whole number, which Terraform also takes in quotes.
func (r *terraformReader) seconds(name string, e hclsyntax.Expression) (*int32, error) {
	const want = "a number of seconds"
	negative, inner := false, e
	if minus, ok := inner.(*hclsyntax.UnaryOpExpr); ok && minus.Op == hclsyntax.OpNegate {
		negative, inner = true, withoutParentheses(minus.Val)
	}
	var text string
	switch literal := inner.(type) {
	case *hclsyntax.LiteralValueExpr:
		if literal.Val.IsNull() || literal.Val.Type() != cty.Number {
			return nil, r.notLiteral(name, want, e)
		}
		if negative {
			return r.number(name, e, literal.Val.Negate())
		}
		return r.number(name, e, literal.Val)
	case *hclsyntax.TemplateExpr:
		if negative {
			return nil, r.notLiteral(name, want, e)
		}
		var err error
		if text, err = r.string(name, literal); err != nil {
			return nil, err
		}
	default:
		return nil, r.notLiteral(name, want, e)
	}
	// More digits are no number of seconds, and take long to read.
	const mostDigits = 40
	v, err := cty.ParseNumberVal(text)
	if err != nil || len(text) > mostDigits {
		return nil, r.fail(e.Range(), "%s: want %s, not the string %s", name, want, cors.Quote(text))
	}
	return r.number(name, e, v)
}

// number is a number of seconds that S3 can store.
func (r *terraformReader) number(name string, e hclsyntax.Expression, v cty.Value) (*int32, error) {
	f := v.AsBigFloat()
	if !f.IsInt() {
		return nil, r.fail(e.Range(), "%s: %s is not a whole number of seconds", name, r.quote(e.Range()))
	}
	if f.Cmp(big.NewFloat(1<<31-1)) > 0 || f.Cmp(big.NewFloat(-1<<31)) < 0 {
		return nil, r.fail(e.Range(), "%s: %s is out of range; S3 stores 32 bits", name, r.quote(e.Range()))
	}
	var seconds int32
	if err := gocty.FromCtyValue(v, &seconds); err != nil {
		return nil, r.fail(e.Range(), "%s: %s is no number of seconds", name, r.quote(e.Range()))
	}
	return &seconds, nil
}

const useLiveBucket = "give it what the bucket has instead: aws s3api get-bucket-cors --bucket NAME"

// notLiteral is an error about an expression that is of another kind, or that
// would have to be evaluated.
func (r *terraformReader) notLiteral(name, want string, e hclsyntax.Expression) error {
	at := e.Range()
	switch e := e.(type) {
	case *hclsyntax.LiteralValueExpr, *hclsyntax.TupleConsExpr, *hclsyntax.ObjectConsExpr:
		return r.fail(at, "%s: want %s, not %s", name, want, r.quote(at))
	case *hclsyntax.TemplateExpr:
		if e.IsStringLiteral() {
			return r.fail(at, "%s: want %s, not the string %s", name, want, r.quote(at))
		}
	}
	return r.fail(at, "%s: %s is not a literal, and bucketcors does not evaluate Terraform; %s", name, r.quote(at), useLiveBucket)
}

// quote is the beginning of what is in a range of the file, on one line.
func (r *terraformReader) quote(at hcl.Range) string {
	const most = 60
	text := r.data[at.Start.Byte:at.End.Byte]
	if i := bytes.IndexByte(text, '\n'); i >= 0 || len(text) > most {
		if i < 0 || i > most {
			i = most
		}
		return strings.ToValidUTF8(strings.TrimSpace(string(text[:i])), "") + "…"
	}
	return string(text)
}

func isLiteral(e hclsyntax.Expression) bool {
	_, ok := e.(*hclsyntax.LiteralValueExpr)
	return ok
}

func isNullLiteral(e hclsyntax.Expression) bool {
	literal, ok := e.(*hclsyntax.LiteralValueExpr)
	return ok && literal.Val.IsNull()
}

func withoutParentheses(e hclsyntax.Expression) hclsyntax.Expression {
	for {
		p, ok := e.(*hclsyntax.ParenthesesExpr)
		if !ok {
			return e
		}
		e = p.Expression
	}
}

func spanOf(r hcl.Range) span { return span{r.Start.Byte, r.End.Byte} }
