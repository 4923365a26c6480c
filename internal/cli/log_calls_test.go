// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// loggers are the expressions that the source has for a logger.
var loggers = regexp.MustCompile(`^(ctrl\.Log|klog|(logf|log|ctrl)\.(FromContext|LoggerFrom)\(.*\)|.*[lL]og(ger)?)(\.(V|WithName|WithValues)\(.*\))*$`)

// Messages that never change can be searched for and counted: what changes stands
// beside them, under keys that never change either.
func TestTheLogHasConstantMessagesAndKeys(t *testing.T) {
	calls := 0
	for _, dir := range []string{"../../api", "../../controllers", "../../internal"} {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			for _, declaration := range file.Decls {
				// Its own callers are checked instead.
				if f, ok := declaration.(*ast.FuncDecl); ok && f.Name.Name == "logPanic" {
					continue
				}
				ast.Inspect(declaration, func(node ast.Node) bool {
					call, ok := node.(*ast.CallExpr)
					if !ok {
						return true
					}
					if arguments := logged(call); len(arguments) > 0 {
						calls++
						// The message, then keys and values in turn.
						for i, argument := range arguments {
							if _, constant := argument.(*ast.BasicLit); !constant && (i == 0 || i%2 == 1) {
								t.Errorf("%s: %s is no constant text", files.Position(argument.Pos()), types.ExprString(argument))
							}
						}
					}
					return true
				})
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if calls < 8 {
		t.Errorf("only %d calls were found", calls)
	}
}

// logged are the arguments of a call that logs, from the message on; none of
// another.
func logged(call *ast.CallExpr) []ast.Expr {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		if f.Name == "logPanic" {
			return call.Args[2:]
		}
	case *ast.SelectorExpr:
		if !loggers.MatchString(types.ExprString(f.X)) {
			return nil
		}
		switch f.Sel.Name {
		case "Info":
			return call.Args
		case "Error":
			return call.Args[1:]
		}
	}
	return nil
}
