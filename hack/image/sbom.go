// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"debug/buildinfo"
	"fmt"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"
)

// rootsModule is where the certificate authorities in our own base come from.
const rootsModule = "golang.org/x/crypto/x509roots/fallback"

// imageSBOM lists what is in an image, as SPDX 2.3: the modules that the linker
// recorded in the program, Go's standard library and, in our own base, the
// certificate authorities.
func imageSBOM(from source, tag name.Tag, platform v1.Platform, image v1.Image, binary string, ownBase bool) ([]byte, error) {
	digest, err := image.Digest()
	if err != nil {
		return nil, err
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return nil, err
	}

	repository := tag.Context()
	imagePackage := newPackage("Image", repository.Name(), digest.String(), licence,
		fmt.Sprintf("pkg:oci/%s@%s?arch=%s&repository_url=%s&tag=%s", purlEscape(lastElement(repository.RepositoryStr())),
			purlEscape(digest.String()), platform.Architecture, purlEscape(repository.Name()), purlEscape(tag.TagStr())))
	main := newPackage("Program", module, from.version, licence, golangPURL(module, from.version))

	document := &v2_3.Document{
		SPDXVersion:       v2_3.Version,
		DataLicense:       v2_3.DataLicense,
		SPDXIdentifier:    "DOCUMENT",
		DocumentName:      tag.Name() + "@" + digest.String(),
		DocumentNamespace: project + "/sbom/" + digest.Hex,
		CreationInfo: &v2_3.CreationInfo{
			Created:  from.commit.time.Format(time.RFC3339),
			Creators: []common.Creator{{CreatorType: "Tool", Creator: "bucketcors-hack-image"}},
		},
		Packages: []*v2_3.Package{imagePackage, main},
		Relationships: []*v2_3.Relationship{
			relationship("DOCUMENT", common.TypeRelationshipDescribe, imagePackage.PackageSPDXIdentifier),
			relationship(imagePackage.PackageSPDXIdentifier, common.TypeRelationshipContains, main.PackageSPDXIdentifier),
		},
	}
	for _, dependency := range dependencies(info) {
		p := modulePackage(dependency)
		document.Packages = append(document.Packages, p)
		document.Relationships = append(document.Relationships,
			relationship(main.PackageSPDXIdentifier, common.TypeRelationshipDependsOn, p.PackageSPDXIdentifier))
	}
	if ownBase {
		roots, err := rootsVersion()
		if err != nil {
			return nil, err
		}
		p := modulePackage(debug.Module{Path: rootsModule, Version: roots})
		document.Packages = append(document.Packages, p)
		document.Relationships = append(document.Relationships,
			relationship(imagePackage.PackageSPDXIdentifier, common.TypeRelationshipContains, p.PackageSPDXIdentifier))
	}

	var text bytes.Buffer
	if err := spdxjson.Write(document, &text, spdxjson.Indent("  ")); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}

// dependencies are the modules in a program, in the order of their paths, with
// Go's standard library under the name that vulnerability databases give it.
func dependencies(info *debug.BuildInfo) []debug.Module {
	found := []debug.Module{{Path: "stdlib", Version: strings.TrimPrefix(info.GoVersion, "go")}}
	for _, dependency := range info.Deps {
		if dependency.Replace != nil {
			dependency = dependency.Replace
		}
		found = append(found, *dependency)
	}
	slices.SortFunc(found, func(a, b debug.Module) int { return cmp.Compare(a.Path, b.Path) })
	return found
}

// rootsVersion is the version of the module that the certificate authorities come
// from: it is part of this program.
func rootsVersion() (string, error) {
	info, ok := debug.ReadBuildInfo()
	if ok {
		for _, dependency := range info.Deps {
			if dependency.Path == rootsModule {
				return dependency.Version, nil
			}
		}
	}
	return "", fmt.Errorf("this program does not know its version of %s: build it with go build", rootsModule)
}

func modulePackage(of debug.Module) *v2_3.Package {
	return newPackage("Module-"+of.Path, of.Path, of.Version, "NOASSERTION", golangPURL(of.Path, of.Version))
}

func newPackage(id, packageName, version, declared, purl string) *v2_3.Package {
	return &v2_3.Package{
		PackageSPDXIdentifier:     elementID(id),
		PackageName:               packageName,
		PackageVersion:            version,
		PackageDownloadLocation:   "NOASSERTION",
		PackageLicenseConcluded:   "NOASSERTION",
		PackageLicenseDeclared:    declared,
		PackageCopyrightText:      "NOASSERTION",
		PackageExternalReferences: []*v2_3.PackageExternalReference{{Category: common.CategoryPackageManager, RefType: common.TypePackageManagerPURL, Locator: purl}},
	}
}

func relationship(from common.ElementID, kind string, to common.ElementID) *v2_3.Relationship {
	return &v2_3.Relationship{
		RefA: common.DocElementID{ElementRefID: from}, Relationship: kind, RefB: common.DocElementID{ElementRefID: to},
	}
}

var notInElementID = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

// elementID makes an identifier as SPDX allows it.
func elementID(text string) common.ElementID {
	return common.ElementID(notInElementID.ReplaceAllString(text, "-"))
}

// golangPURL is a module's package URL, by which scanners look it up.
func golangPURL(path, version string) string {
	return "pkg:golang/" + path + "@" + purlEscape(version)
}

var purlEscapes = strings.NewReplacer("+", "%2B", ":", "%3A", "/", "%2F", "@", "%40", " ", "%20")

func purlEscape(text string) string { return purlEscapes.Replace(text) }

func lastElement(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
