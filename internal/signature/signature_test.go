package signature

import (
	"crypto/ed25519"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

func newSigner(t *testing.T) (ssh.Signer, string) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
}

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// A line counts as ssh-keygen would count it, or is an error: nothing in between.
func TestWhoIsAllowed(t *testing.T) {
	signer, key := newSigner(t)
	message := []byte("sha256:0")
	signed, err := Sign(signer, message)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ line, says, why string }{
		{"alice " + key, "", "a name and a key"},
		{"# a comment\n\nalice " + key + " laptop", "", "comments and blank lines say nothing"},
		{`alice namespaces="git,eventinvoke" ` + key, "", "for this among others"},
		{`alice namespaces="git" ` + key, "names nobody", "for something else only"},
		{`alice valid-before="202611261201Z" ` + key, "", "for a minute more"},
		{`alice valid-before="202611261200Z" ` + key, "does not count now", "no longer"},
		{`alice valid-after="20261127Z" ` + key, "does not count now", "not yet"},
		{`alice valid-before="202611261200Z" ` + key + "\nalice " + key, "", "no longer by one line, and still by the next"},
		{"alice " + key + "\n" + `alice valid-after="20261127Z" ` + key, "", "still, and once more from tomorrow on"},
		{`alice valid-after="soon" ` + key, "no time", "a time that cannot be read must not mean always"},
		{`alice cert-authority ` + key, "not supported", "an authority is not a person"},
		{`* ` + key, "without patterns", "everybody is nobody"},
		{`alice,bob ` + key, "without patterns", "one key is one person"},
		{"alice", "one name", "a name alone"},
		{"alice ssh-ed25519 AAAA", "no public key", "a key that is cut off"},
		{"", "names nobody", "an empty list lets nobody sign, and is mostly a mistake"},
	} {
		who, err := "", error(nil)
		allowed, err := ParseAllowed([]byte(row.line))
		if err == nil {
			who, err = allowed.Verify(message, signed, noon)
		}
		if row.says == "" && (err != nil || who != "alice") || row.says != "" && (err == nil || !strings.Contains(err.Error(), row.says)) {
			t.Errorf("%q: %s, %v, want %q: %s", row.line, who, err, row.says, row.why)
		}
	}
}

// One person is one, however often and with however many keys they sign.
func TestAPersonCountsOnce(t *testing.T) {
	laptop, first := newSigner(t)
	desk, second := newSigner(t)
	allowed, err := ParseAllowed([]byte("alice " + first + "\nalice " + second))
	if err != nil {
		t.Fatal(err)
	}
	var signatures []string
	for _, key := range []ssh.Signer{laptop, laptop, desk} {
		s, err := Sign(key, []byte("m"))
		if err != nil {
			t.Fatal(err)
		}
		signatures = append(signatures, s)
	}
	if who, err := allowed.Require(1, []byte("m"), signatures, noon); err != nil || len(who) != 1 {
		t.Errorf("%v, %v", who, err)
	}
	if _, err := allowed.Require(2, []byte("m"), signatures, noon); err == nil || !strings.Contains(err.Error(), "1 of the 2") {
		t.Errorf("three signatures of one person are two people: %v", err)
	}
	if _, err := allowed.Require(1, []byte("another"), signatures, noon); err == nil {
		t.Error("signatures of one message hold for another")
	}
}

func TestKeys(t *testing.T) {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	data := pem.EncodeToMemory(block)
	say := func(word string) func() (string, error) { return func() (string, error) { return word, nil } }
	for _, row := range []struct {
		ask  func() (string, error)
		says string
	}{
		{say("secret"), ""},
		{say("wrong"), "not that of this key"},
		{nil, "no terminal to ask"},
	} {
		if _, err := Key("key", data, row.ask); row.says == "" && err != nil || row.says != "" && (err == nil || !strings.Contains(err.Error(), row.says)) {
			t.Errorf("%v, want %q", err, row.says)
		}
	}
	if _, err := Key("key", []byte("no key"), nil); err == nil || !strings.Contains(err.Error(), "not a private SSH key") {
		t.Error(err)
	}
}
