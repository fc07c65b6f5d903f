package desired

import (
	"io/fs"
	"testing"
	"testing/fstest"
)

var (
	east = Target{"111111111111", "us-east-1"}
	west = Target{"111111111111", "eu-west-1"}
)

func oneFile(text string) fs.FS { return files("fleet.yaml", text) }

// files makes a file system from names and texts in turn.
func files(namesAndTexts ...string) fs.FS {
	fsys := fstest.MapFS{}
	for i := 0; i < len(namesAndTexts); i += 2 {
		fsys[namesAndTexts[i]] = &fstest.MapFile{Data: []byte(namesAndTexts[i+1])}
	}
	return fsys
}

func mustLoad(t testing.TB, fsys fs.FS, paths ...string) *Document {
	t.Helper()
	if len(paths) == 0 {
		paths = []string{"."}
	}
	d, err := Load(fsys, paths...)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	return d
}

func mustResolve(t testing.TB, d *Document, ambient Target, inv Inventory) Fleet {
	t.Helper()
	f, err := d.Resolve(ambient, inv, Selection{})
	if err != nil {
		t.Fatalf("resolve: %v", err)
	}
	return f
}
