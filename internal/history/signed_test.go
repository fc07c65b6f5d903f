package history

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// signedBy is a history in a store whose runs somebody signs, in a way of which only
// the name and the message count.
func signedBy(s Store, name string) *History {
	h := New(s)
	if name != "" {
		h.Sign = func(message []byte) (string, error) { return name + " " + digestOf(message), nil }
	}
	return h
}

// verifySigned is what a reader says who takes signatures of alice and bob.
func verifySigned(t *testing.T, s Store) Verification {
	t.Helper()
	h := New(s)
	h.SignedBy = func(message []byte, text string, made time.Time) (string, error) {
		name, digest, _ := strings.Cut(text, " ")
		switch {
		case made.IsZero():
			return "", errors.New("it does not say when it was made")
		case digest != digestOf(message):
			return "", errors.New("the signature is not of this")
		case name != "alice" && name != "bob":
			return "", fmt.Errorf("the key of %s is not in the list", name)
		}
		return name, nil
	}
	v, err := h.VerifyAll(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range v.Runs {
		if one, err := h.Verify(t.Context(), r.RunID); err != nil || !cmp.Equal(one, r, cmp.AllowUnexported(Discrepancy{})) {
			t.Errorf("Verify: %+v, %v; of all: %+v", one, err, r)
		}
	}
	return v
}

// aSignedPast is a history of runs that wrote, each signed as its name says.
func aSignedPast(t *testing.T, names ...string) *memory {
	s := newMemory()
	synctest.Test(t, func(t *testing.T) {
		for i, name := range names {
			time.Sleep(time.Minute)
			run := fmt.Sprintf("%d-%s", i+1, name)
			r, err := signedBy(s, name).Begin(t.Context(), testRecord(run))
			if err != nil {
				t.Fatal(err)
			}
			change := modify(testKey(i), holding(2), retries(0))
			if err := r.Journal().Intend(t.Context(), testKey(i), change); err != nil {
				t.Fatal(err)
			}
			r.Journal().Settle(testKey(i), applied(change, new(holding(0))))
			if err := r.Finish(t.Context(), &RunRecord{State: Finished}); err != nil {
				t.Fatal(err)
			}
		}
	})
	return s
}

func TestWhoSignedTheChain(t *testing.T) {
	// remake computes every sum of the chain anew, as whoever can write there can.
	remake := func(s *memory) {
		previous, h := "", New(s)
		for seq := int64(1); ; seq++ {
			l, err := h.readLink(t.Context(), seq)
			if err != nil {
				break
			}
			if seq == 1 {
				l.At = l.At.Add(time.Second)
			}
			l.Previous = previous
			s.objects[linkName(seq)], previous, _ = encodeSummed(&l, previous)
			s.objects[headName], _, _ = encodeSummed(&head{Version: ChainVersion, Seq: seq, Link: previous}, "")
		}
	}
	for _, row := range []struct {
		why       string
		runs      []string
		harm      func(s *memory)
		want      string // trust and signature of each run, oldest first, with who signed and * for what nobody vouches for
		breach    string
		unchanged bool // without a list of signers
	}{
		{"all signed", []string{"alice", "bob"}, nil, "verified signed alice, verified signed bob", "", true},
		{"a later signature vouches for what is before it", []string{"", "alice"}, nil, "verified covered , verified signed alice", "", true},
		{"nobody vouches for what comes after", []string{"alice", ""}, nil, "verified signed alice, verified unsigned *", "", true},
		{"nobody signed", []string{""}, nil, "verified unsigned *", "", true},
		{"a stranger", []string{"alice", "mallory"}, nil, "verified signed alice, broken wrong ", "the key of mallory is not in the list", true},
		{"swapped signatures", []string{"alice", "bob"}, func(s *memory) {
			one, two := signatureName(1), signatureName(2)
			s.objects[one], s.objects[two] = s.objects[two], s.objects[one]
		}, "broken wrong , broken wrong ", "the signature is not of this", true},
		{"the head was edited", []string{"alice", "bob"}, func(s *memory) {
			s.objects[headName] = bytes.Replace(s.objects[headName], []byte(`"seq": 2`), []byte(`"seq": 1`), 1)
		}, "broken signed alice, broken signed bob", "head.json, is damaged", false},
		{"the head names another link", []string{"alice", "bob"}, func(s *memory) {
			s.objects[headName], _, _ = encodeSummed(&head{Version: ChainVersion, Seq: 2, Link: strings.Repeat("0", 64)}, "")
		}, "broken signed alice, broken signed bob", "not the one that the head names", false},
		{"the chain was made anew", []string{"alice", "bob"}, remake, "broken wrong , broken wrong ", "the signature is not of this", true},
		{"the chain was made anew, without its signatures", []string{"alice", "bob"}, func(s *memory) {
			remake(s)
			delete(s.objects, signatureName(1))
			delete(s.objects, signatureName(2))
		}, "verified unsigned *, verified unsigned *", "", true},
	} {
		s := aSignedPast(t, row.runs...)
		if row.harm != nil {
			row.harm(s)
		}
		var got, breaches []string
		for _, r := range verifySigned(t, s).Runs {
			who := strings.Join(r.SignedBy, "+")
			if r.Unvouched {
				who += "*"
			}
			got = append([]string{fmt.Sprintf("%s %s %s", r.Trust, r.Signature, who)}, got...)
			for _, b := range r.Discrepancies {
				breaches = append(breaches, b.Where+": "+b.What)
			}
		}
		if diff := cmp.Diff(row.want, strings.Join(got, ", ")); diff != "" || !strings.Contains(strings.Join(breaches, "\n"), row.breach) || (row.breach == "") != (len(breaches) == 0) {
			t.Errorf("%s: (-want +got)\n%s%v", row.why, diff, breaches)
		}
		v, err := New(s).VerifyAll(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range v.Runs {
			if r.Signature != "" || r.SignedBy != nil || r.Unvouched || row.unchanged && r.Trust != Verified {
				t.Errorf("%s: nobody asked who signed: %+v", row.why, r)
			}
		}
	}
}

// A signature that cannot be made is told, and the chain goes on.
func TestASignatureThatCannotBeMade(t *testing.T) {
	s := newMemory()
	h := New(s)
	h.Sign = func([]byte) (string, error) { return "", errors.New("no key") }
	r, err := h.Begin(t.Context(), testRecord("run"))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Finish(t.Context(), &RunRecord{State: Finished}); err == nil || !strings.Contains(err.Error(), "link 1 of the chain is not signed: no key") {
		t.Errorf("Finish: %v", err)
	}
	if got, breaches := trusts(t, s); got["run"] != Verified || len(breaches) > 0 {
		t.Errorf("%v, %v", got, breaches)
	}
}
