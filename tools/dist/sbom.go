package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"fmt"
	"regexp"
	"time"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx"
	"github.com/spdx/tools-golang/spdx/v2/common"
)

// billOfMaterials is an SPDX 2.3 document of what the linker put into a binary,
// which is what the binary itself tells: `go version -m` reads the same.
func (r *release) billOfMaterials(path, name string, binary []byte) ([]byte, error) {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return nil, err
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(binary))
	root := &spdx.Package{
		PackageName: "eventinvoke", PackageSPDXIdentifier: "eventinvoke", PackageVersion: r.version,
		PackageDownloadLocation: "https://github.com/eventinvoke/eventinvoke", PackageLicenseDeclared: "Apache-2.0", PackageLicenseConcluded: "Apache-2.0",
		PackageCopyrightText: "NOASSERTION", PrimaryPackagePurpose: "APPLICATION",
		PackageChecksums: []spdx.Checksum{{Algorithm: spdx.SHA256, Value: sum}},
	}
	doc := &spdx.Document{
		SPDXVersion: spdx.Version, DataLicense: spdx.DataLicense, SPDXIdentifier: "DOCUMENT", DocumentName: name,
		// Unique to these bytes, as the namespace of a document must be.
		DocumentNamespace: "https://github.com/eventinvoke/eventinvoke/spdx/" + name + "-" + sum,
		CreationInfo: &spdx.CreationInfo{
			Created:  r.made.Format(time.RFC3339),
			Creators: []common.Creator{{CreatorType: "Organization", Creator: "eventinvoke"}, {CreatorType: "Tool", Creator: "eventinvoke-dist"}},
		},
		Packages:      []*spdx.Package{root},
		Relationships: []*spdx.Relationship{{RefA: element("DOCUMENT"), RefB: element("eventinvoke"), Relationship: "DESCRIBES"}},
	}
	add := func(path, version string) {
		id := "Package-" + notAnID.ReplaceAllString(path, "-")
		doc.Packages = append(doc.Packages, &spdx.Package{
			PackageName: path, PackageSPDXIdentifier: common.ElementID(id), PackageVersion: version,
			PackageDownloadLocation: "NOASSERTION", PackageLicenseDeclared: "NOASSERTION", PackageLicenseConcluded: "NOASSERTION", PackageCopyrightText: "NOASSERTION",
			PackageExternalReferences: []*spdx.PackageExternalReference{{
				Category: common.CategoryPackageManager, RefType: common.TypePackageManagerPURL, Locator: "pkg:golang/" + path + "@" + version,
			}},
		})
		doc.Relationships = append(doc.Relationships, &spdx.Relationship{RefA: element("eventinvoke"), RefB: element(id), Relationship: "CONTAINS"})
	}
	add("stdlib", info.GoVersion[len("go"):])
	for _, m := range info.Deps { // sorted by the linker
		if m.Replace != nil {
			m = m.Replace
		}
		add(m.Path, m.Version)
	}
	var out bytes.Buffer
	if err := spdxjson.Write(doc, &out, spdxjson.Indent("  ")); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// notAnID matches what an SPDX identifier may not hold.
var notAnID = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

func element(id string) common.DocElementID {
	return common.DocElementID{ElementRefID: common.ElementID(id)}
}
