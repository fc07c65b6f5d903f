package history

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/internal/awstest"
)

// stores are all implementations of Store that keep anything, the one for tests
// among them, so that it cannot drift from the real ones.
var stores = []struct {
	name string
	open func(t *testing.T) Store
}{
	{"memory", func(*testing.T) Store { return newMemory() }},
	{"dir", func(t *testing.T) Store { return openDir(t, filepath.Join(t.TempDir(), "not", "made", "yet")) }},
}

// eachStore runs a test against every implementation.
func eachStore(t *testing.T, test func(t *testing.T, s Store)) {
	for _, s := range stores {
		t.Run(s.name, func(t *testing.T) { test(t, s.open(t)) })
	}
	awstest.EachS3(t, func(t *testing.T, server awstest.S3) {
		test(t, S3(server.Client(), server.Bucket(t), "team/history"))
	})
}

// newBucket is a client and an empty bucket in an S3 server.
func newBucket(t *testing.T) (*s3.Client, string) {
	t.Helper()
	server := awstest.AnyS3(t)
	return server.Client(), server.Bucket(t)
}

func TestStoreKeepsObjects(t *testing.T) {
	eachStore(t, func(t *testing.T, s Store) {
		ctx := t.Context()
		if _, _, err := s.Read(ctx, "a/b.json"); !errors.Is(err, ErrAbsent) {
			t.Fatalf("Read of nothing: %v, want ErrAbsent", err)
		}
		first, err := s.Write(ctx, "a/b.json", []byte("one"), "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Write(ctx, "a/b.json", []byte("two"), ""); !errors.Is(err, ErrExists) {
			t.Errorf("Create over an object: %v, want ErrExists", err)
		}
		if again, err := s.Write(ctx, "a/b.json", []byte("one"), ""); err != nil || again != first {
			t.Errorf("Create repeated after its answer was lost: %q, %v, want %q", again, err, first)
		}
		data, tag, err := s.Read(ctx, "a/b.json")
		if err != nil || string(data) != "one" || tag != first {
			t.Errorf("Read = %q, %q, %v, want what was created, and its tag %q", data, tag, err, first)
		}
		second, err := s.Write(ctx, "a/b.json", []byte("two"), first)
		if err != nil || second == first {
			t.Fatalf("Replace: %q, %v, want another tag than %q", second, err, first)
		}
		if again, err := s.Write(ctx, "a/b.json", []byte("two"), first); err != nil || again != second {
			t.Errorf("Replace repeated after its answer was lost: %q, %v, want %q", again, err, second)
		}
		if _, err := s.Write(ctx, "a/b.json", []byte("three"), first); !errors.Is(err, ErrChanged) {
			t.Errorf("Replace with an old tag: %v, want ErrChanged", err)
		}
		if _, err := s.Write(ctx, "a/none.json", []byte("three"), first); !errors.Is(err, ErrChanged) {
			t.Errorf("Replace of nothing: %v, want ErrChanged", err)
		}
		if err := s.Delete(ctx, "a/b.json", first); !errors.Is(err, ErrChanged) {
			t.Errorf("Delete with an old tag: %v, want ErrChanged", err)
		}
		if data, _, err := s.Read(ctx, "a/b.json"); err != nil || string(data) != "two" {
			t.Errorf("after refused writes the object is %q, %v, want %q", data, err, "two")
		}
		for range 2 { // the second time it is already gone
			if err := s.Delete(ctx, "a/b.json", second); err != nil {
				t.Errorf("Delete: %v", err)
			}
		}
		if _, _, err := s.Read(ctx, "a/b.json"); !errors.Is(err, ErrAbsent) {
			t.Errorf("Read after Delete: %v, want ErrAbsent", err)
		}
	})
}

func TestStoreListsInOrder(t *testing.T) {
	eachStore(t, func(t *testing.T, s Store) {
		ctx := t.Context()
		if names, err := s.List(ctx, "a/"); err != nil || len(names) != 0 {
			t.Fatalf("List of nothing: %v, %v", names, err)
		}
		// "-" sorts before "/" and "." between: an order by folders would differ.
		for _, name := range []string{"a/x/2.json", "a/x-y/1.json", "a/x.json", "a/x/1.json", "ab/1.json", "b.json"} {
			if _, err := s.Write(ctx, name, []byte(name), ""); err != nil {
				t.Fatal(err)
			}
		}
		for _, offset := range []int64{0, 4, 8} {
			if err := s.Append(ctx, "a/log.jsonl", offset, []byte("abcd")); err != nil {
				t.Fatal(err)
			}
		}
		got, err := s.List(ctx, "a/")
		want := []string{"a/log.jsonl", "a/x-y/1.json", "a/x.json", "a/x/1.json", "a/x/2.json"}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("List(a/): %v (-want +got)\n%s", err, diff)
		}
		folders, err := s.Folders(ctx, "a/")
		if diff := cmp.Diff([]string{"x", "x-y"}, slices.DeleteFunc(folders, func(name string) bool { return name == "log.jsonl" })); err != nil || diff != "" {
			t.Errorf("Folders(a/): %v (-want +got)\n%s", err, diff)
		}
		if folders, err := s.Folders(ctx, "none/"); err != nil || len(folders) != 0 {
			t.Errorf("Folders of nothing: %v, %v", folders, err)
		}
		got, err = s.List(ctx, "")
		if err != nil || len(got) != 7 {
			t.Errorf("List of everything: %v, %v, want 7 names", got, err)
		}
	})
}

func TestStoreAppendsToLogs(t *testing.T) {
	eachStore(t, func(t *testing.T, s Store) {
		ctx := t.Context()
		if _, err := s.ReadLog(ctx, "j/log.jsonl"); !errors.Is(err, ErrAbsent) {
			t.Errorf("ReadLog of nothing: %v, want ErrAbsent", err)
		}
		var want []byte
		for i := range 12 { // more than ten: 10 must not sort before 2
			data := []byte(strings.Repeat(fmt.Sprintf("line %d\n", i), i+1))
			for range 2 { // the second time as after a lost answer
				if err := s.Append(ctx, "j/log.jsonl", int64(len(want)), data); err != nil {
					t.Fatalf("Append %d: %v", i, err)
				}
			}
			want = append(want, data...)
		}
		if err := s.Append(ctx, "j/log.jsonl", 0, []byte("another writer\n")); !errors.Is(err, ErrChanged) {
			t.Errorf("Append where somebody else wrote: %v, want ErrChanged", err)
		}
		if got, err := s.ReadLog(ctx, "j/log.jsonl"); err != nil || !bytes.Equal(got, want) {
			t.Errorf("ReadLog = %q, %v\nwant %q", got, err, want)
		}
		for range 2 { // the second time it is already gone
			if err := s.DeleteLog(ctx, "j/log.jsonl"); err != nil {
				t.Errorf("DeleteLog: %v", err)
			}
		}
		if _, err := s.ReadLog(ctx, "j/log.jsonl"); !errors.Is(err, ErrAbsent) {
			t.Errorf("ReadLog after DeleteLog: %v, want ErrAbsent", err)
		}
	})
}

func TestStoreLetsOneWriterWin(t *testing.T) {
	const writers, rounds = 8, 5
	eachStore(t, func(t *testing.T, s Store) {
		ctx := t.Context()
		for round := range rounds {
			name := fmt.Sprintf("race/%d.json", round)
			tag := race(t, writers, ErrExists, func(i int) (Tag, error) {
				return s.Write(ctx, name, fmt.Appendf(nil, "created by %d", i), "")
			})
			race(t, writers, ErrChanged, func(i int) (Tag, error) {
				return s.Write(ctx, name, fmt.Appendf(nil, "replaced by %d", i), tag)
			})
		}
	})
}

// race runs writers at once, of which exactly one may win.
func race(t *testing.T, writers int, loses error, write func(i int) (Tag, error)) Tag {
	t.Helper()
	var won atomic.Int64
	var winner Tag
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range writers {
		wg.Go(func() {
			<-start
			switch tag, err := write(i); {
			case err == nil:
				won.Add(1)
				winner = tag
			case !errors.Is(err, loses):
				t.Errorf("writer %d: %v, want success or %v", i, err, loses)
			}
		})
	}
	close(start)
	wg.Wait()
	if won.Load() != 1 {
		t.Fatalf("%d of %d writers won, want one", won.Load(), writers)
	}
	return winner
}

func TestStoreRefusesNamesThatLeaveIt(t *testing.T) {
	eachStore(t, func(t *testing.T, s Store) {
		if _, is := s.(*memory); is {
			t.Skip("the store for tests trusts its callers")
		}
		for _, name := range []string{"../x", "/x", "a//b", "a/./b", "", ".", ".lock", "a/.new-1", `a\b`} {
			if _, err := s.Write(t.Context(), name, []byte("x"), ""); err == nil {
				t.Errorf("Create(%q) succeeded", name)
			}
			if err := s.Append(t.Context(), name, 0, []byte("x")); err == nil {
				t.Errorf("Append(%q) succeeded", name)
			}
			if _, _, err := s.Read(t.Context(), name); err == nil || errors.Is(err, ErrAbsent) {
				t.Errorf("Read(%q): %v, want that the name is refused", name, err)
			}
		}
	})
}

func TestDirIsForItsOwnerOnly(t *testing.T) {
	root := filepath.Join(t.TempDir(), "state", "eventinvoke")
	s := openDir(t, root)
	tag, err := s.Write(t.Context(), "leases/111111111111/eu-west-1.json", []byte("one"), "")
	if err == nil {
		_, err = s.Write(t.Context(), "leases/111111111111/eu-west-1.json", []byte("two"), tag)
	}
	if err == nil {
		err = s.Append(t.Context(), "journals/r/p.jsonl", 0, []byte("x\n"))
	}
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	err = filepath.Walk(filepath.Dir(root), func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		want := os.FileMode(0o600)
		if info.IsDir() {
			want = 0o700
		}
		if seen++; info.Mode().Perm() != want {
			t.Errorf("%s has mode %o, want %o", path, info.Mode().Perm(), want)
		}
		return nil
	})
	if err != nil || seen != 9 {
		t.Errorf("saw %d files and folders, %v; want 9: six folders, lease, journal and lock", seen, err)
	}
}
