package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm"
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
