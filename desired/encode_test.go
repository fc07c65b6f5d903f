package desired

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// encodedOptions leave out what Encode says it does not keep.
var encodedOptions = cmp.Options{
	cmpopts.IgnoreFields(Entry{}, "Origins", "Optional"),
	cmpopts.IgnoreFields(TargetSpec{}, "Ignored"),
	cmpopts.IgnoreFields(Fleet{}, "Warnings"),
	cmpopts.EquateComparable(Value{}),
	cmpopts.EquateEmpty(),
}

// reload encodes a fleet and loads it again.
func reload(t rapid.TB, f Fleet, ambient Target) Fleet {
	var b bytes.Buffer
	if err := f.Encode(&b); err != nil {
		t.Fatal(err)
	}
	d, err := Load(oneFile(b.String()), "fleet.yaml")
	if err != nil {
		t.Fatalf("the encoded fleet is not accepted: %v\n%s", err, b.String())
	}
	again, err := d.Resolve(ambient, nil, Selection{})
	if err != nil {
		t.Fatalf("the encoded fleet does not resolve: %v\n%s", err, b.String())
	}
	if diff := cmp.Diff(f, again, encodedOptions); diff != "" {
		t.Fatalf("the encoded fleet is another one: %s\n%s", diff, b.String())
	}
	return again
}

func TestEncodeGivesTheSameFleet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inv := found("a", "x-1", "zz")
		inv.Tags = drawTags(t)
		f, err := drawDocument(t).Resolve(Target{}, Inventory{east: inv, west: inv}, Selection{})
		if err != nil {
			t.Skip("a drawn file may have defects that only the inventory shows")
		}
		again := reload(t, f, Target{})
		var first, second bytes.Buffer
		if err := f.Encode(&first); err != nil {
			t.Fatal(err)
		}
		if err := again.Encode(&second); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first.String(), second.String()); diff != "" {
			t.Fatalf("encoding is not stable: %s", diff)
		}
	})
}

func TestEncodeGolden(t *testing.T) {
	data, err := os.ReadFile("testdata/valid/reference.yaml")
	if err != nil {
		t.Fatal(err)
	}
	f := mustResolve(t, mustLoad(t, oneFile(string(data))), Target{}, nil)
	var b bytes.Buffer
	if err := f.Encode(&b); err != nil {
		t.Fatal(err)
	}
	compareGolden(t, "testdata/reference-encoded.golden", b.String())
}

// FuzzLoad: no input panics, and what is accepted encodes to the same fleet.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/valid/*.yaml", "testdata/problems/*.yaml", "testdata/problems/*/*.yaml"} {
		seeds, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, seed := range seeds {
			data, err := os.ReadFile(seed)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Load(oneFile(string(data)), "fleet.yaml")
		if err != nil {
			for _, p := range err.(Problems) {
				if p.Code == "" || p.Message == "" || p.Hint == "" || p.Pos.File == "" || (p.Pos.Line < 1) != (p.Pos.Column < 1) {
					t.Errorf("a problem that does not say where, what and how to mend it: %+v", p)
				}
			}
			return
		}
		for _, ambient := range []Target{{}, east} {
			fleet, err := d.Resolve(ambient, nil, Selection{})
			if err != nil || fleet.Configs() == 0 {
				continue
			}
			if len(d.rules) > 0 && fleet.Encode(&bytes.Buffer{}) != nil {
				continue // entries that wait for tags cannot be written yet
			}
			reload(t, fleet, ambient)
		}
	})
}
