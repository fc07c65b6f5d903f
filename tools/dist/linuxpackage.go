package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx"
	"github.com/spdx/tools-golang/spdx/v2/common"
)

// completionPaths are where distributions look for completions.
var completionPaths = map[string]string{
	"completions/eventinvoke.bash": "/usr/share/bash-completion/completions/eventinvoke",
	"completions/eventinvoke.fish": "/usr/share/fish/vendor_completions.d/eventinvoke.fish",
	"completions/eventinvoke.zsh":  "/usr/share/zsh/site-functions/_eventinvoke",
}

// linuxPackage is a deb or an rpm of a binary.
func (r *release) linuxPackage(format, arch, binary, work string) ([]byte, error) {
	packager, err := nfpm.Get(format)
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp(work, format)
	if err != nil {
		return nil, err
	}
	entry := func(source, destination string, mode os.FileMode) *files.Content {
		return &files.Content{Source: source, Destination: destination, FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: mode, MTime: r.made}}
	}
	contents := files.Contents{entry(binary, "/usr/bin/eventinvoke", 0o755)}
	for _, f := range r.extra {
		destination, data := completionPaths[f.name], f.data
		if page, ok := strings.CutPrefix(f.name, "man/"); ok {
			var zipped bytes.Buffer
			w, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
			if err != nil {
				return nil, err
			}
			if _, err := w.Write(data); err != nil {
				return nil, err
			}
			if err := w.Close(); err != nil {
				return nil, err
			}
			destination, data = "/usr/share/man/man1/"+page+".gz", zipped.Bytes()
		} else if f.name == "LICENSE" || f.name == "NOTICE" {
			destination = "/usr/share/doc/eventinvoke/" + f.name
		}
		if destination == "" {
			continue
		}
		source := filepath.Join(folder, strings.ReplaceAll(f.name, "/", "_"))
		if err := os.WriteFile(source, data, 0o644); err != nil {
			return nil, err
		}
		contents = append(contents, entry(source, destination, 0o644))
	}
	info := nfpm.WithDefaults(&nfpm.Info{
		Name: "eventinvoke", Arch: arch, Platform: "linux", Version: r.version, Section: "admin", Priority: "optional", MTime: r.made,
		Maintainer: "The eventinvoke authors", Homepage: "https://github.com/eventinvoke/eventinvoke", License: "Apache-2.0",
		Description:  "Keep the asynchronous-invocation settings of AWS Lambda fleets as declared",
		Overridables: nfpm.Overridables{Contents: contents, RPM: nfpm.RPM{BuildHost: "eventinvoke", Summary: "Keep the asynchronous-invocation settings of AWS Lambda fleets as declared"}},
	})
	if err := nfpm.PrepareForPackager(info, format); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = packager.Package(info, &out)
	return out.Bytes(), err
}

// writeTarGz writes files, in their order, into a folder of their own: owned by
// root, all of one time, the gzip header without any.
func writeTarGz(w io.Writer, folder string, files []file, made time.Time) error {
	zipped, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(zipped)
	for _, f := range files {
		header := &tar.Header{
			Typeflag: tar.TypeReg, Name: folder + "/" + f.name, Mode: int64(f.mode), Size: int64(len(f.data)),
			ModTime: made, Uname: "root", Gname: "root", Format: tar.FormatPAX,
		}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if _, err := archive.Write(f.data); err != nil {
			return err
		}
	}
	return errors.Join(archive.Close(), zipped.Close())
}

// writeZip is writeTarGz for those who have no tar.
func writeZip(w io.Writer, folder string, files []file, made time.Time) error {
	archive := zip.NewWriter(w)
	for _, f := range files {
		header := &zip.FileHeader{Name: folder + "/" + f.name, Method: zip.Deflate, Modified: made}
		header.SetMode(f.mode)
		entry, err := archive.CreateHeader(header)
		if err != nil {
			return err
		}
		if _, err := entry.Write(f.data); err != nil {
			return err
		}
	}
	return archive.Close()
}

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
