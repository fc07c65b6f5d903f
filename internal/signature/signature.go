// Package signature tells who approved a plan or signed the history: SSH signatures,
// as ssh-keygen -Y makes and checks them, of keys that people have already, and the
// list of those whose signature counts.
package signature

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// Namespace keeps a signature of ours from counting anywhere else, and one made for
// something else from counting here.
const Namespace = "eventinvoke"

// Key is the private key in the data of a file. Ask gives the passphrase of one that has
// one; it may be nil.
func Key(path string, data []byte, ask func() (string, error)) (ssh.Signer, error) {
	key, err := ssh.ParsePrivateKey(data)
	if errors.As(err, new(*ssh.PassphraseMissingError)) {
		if ask == nil {
			return nil, fmt.Errorf("%s has a passphrase, and there is no terminal to ask for it", path)
		}
		passphrase, err := ask()
		if err != nil {
			return nil, err
		}
		if key, err = ssh.ParsePrivateKeyWithPassphrase(data, []byte(passphrase)); err != nil {
			return nil, fmt.Errorf("%s: the passphrase is not that of this key", path)
		}
		return key, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s is not a private SSH key; ssh-keygen -t ed25519 makes one", path)
	}
	return key, nil
}

// Sign is an armored signature of a message.
func Sign(key ssh.Signer, message []byte) (string, error) {
	s, err := sshsig.Sign(bytes.NewReader(message), key, sshsig.HashSHA512, Namespace)
	if err != nil {
		return "", err
	}
	return string(sshsig.Armor(s)), nil
}

// Allowed is a list of those whose signature counts.
type Allowed []signer

// signer is one line of the list.
type signer struct {
	principal string
	key       ssh.PublicKey
	from, to  time.Time // zero: no bound
}

// ParseAllowed reads an allowed_signers file, as ssh-keygen(1) describes it. A line
// that it would understand in part is an error: who is taken for a signer must not
// depend on what a program knows of the format.
func ParseAllowed(data []byte) (Allowed, error) {
	var list Allowed
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		s, counts, err := parseSigner(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		if counts {
			list = append(list, s)
		}
	}
	if len(list) == 0 {
		return nil, errors.New("it names nobody; a line is: NAME ssh-ed25519 AAAA…")
	}
	return list, nil
}

// parseSigner reads one line. It counts unless it is for other namespaces only.
func parseSigner(line string) (s signer, counts bool, err error) {
	name, rest, found := strings.Cut(line, " ")
	if !found || strings.ContainsAny(name, `",*?!`) {
		return s, false, errors.New("it must begin with one name, without patterns: who signed must be one person")
	}
	key, _, options, after, err := ssh.ParseAuthorizedKey([]byte(rest))
	if err != nil || len(after) > 0 {
		return s, false, errors.New("there is no public key after the name; a line is: NAME ssh-ed25519 AAAA…")
	}
	s, counts = signer{principal: name, key: key}, true
	for _, option := range options {
		what, value, _ := strings.Cut(option, "=")
		value = strings.Trim(value, `"`)
		switch strings.ToLower(what) {
		case "namespaces":
			counts = slices.Contains(strings.Split(value, ","), Namespace)
		case "valid-after":
			s.from, err = parseTime(value)
		case "valid-before":
			s.to, err = parseTime(value)
		default:
			err = fmt.Errorf("the option %s is not supported; use namespaces, valid-after and valid-before", what)
		}
		if err != nil {
			return s, false, err
		}
	}
	return s, counts, nil
}

// parseTime reads YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, with a Z for UTC.
func parseTime(s string) (time.Time, error) {
	zone := time.Local
	digits, utc := strings.CutSuffix(s, "Z")
	if utc {
		zone = time.UTC
	}
	for _, form := range []string{"20060102", "200601021504", "20060102150405"} {
		if t, err := time.ParseInLocation(form, digits, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time; write YYYYMMDDHHMMZ", s)
}

// Verify says who signed a message. A signature that does not fit, or is of a key that
// is not in the list or does not count now, is an error.
func (a Allowed) Verify(message []byte, armored string, now time.Time) (principal string, err error) {
	s, err := sshsig.Unarmor([]byte(armored))
	if err != nil {
		return "", errors.New("a signature is damaged")
	}
	if s.Namespace != Namespace {
		return "", fmt.Errorf("a signature was made for %q, and not for %s", s.Namespace, Namespace)
	}
	fingerprint := ssh.FingerprintSHA256(s.PublicKey)
	if err := sshsig.Verify(bytes.NewReader(message), s, s.PublicKey, s.HashAlgorithm, Namespace); err != nil {
		return "", fmt.Errorf("the signature of key %s is not of this", fingerprint)
	}
	err = fmt.Errorf("key %s has signed, and is not in the list of those who may", fingerprint)
	for _, w := range a {
		if !bytes.Equal(w.key.Marshal(), s.PublicKey.Marshal()) {
			continue
		}
		if !w.from.IsZero() && now.Before(w.from) || !w.to.IsZero() && !now.Before(w.to) {
			err = fmt.Errorf("the key of %s does not count now: the list says from when to when it does", w.principal)
			continue
		}
		return w.principal, nil
	}
	return "", err
}

// Require checks that at least n people of the list have signed a message. Every
// signature must hold: one that does not was changed, or is of a stranger, and both are
// reasons to stop. It returns who signed, sorted.
func (a Allowed) Require(n int, message []byte, signatures []string, now time.Time) ([]string, error) {
	var who []string
	for _, s := range signatures {
		principal, err := a.Verify(message, s, now)
		if err != nil {
			return nil, err
		}
		who = append(who, principal)
	}
	slices.Sort(who)
	who = slices.Compact(who)
	if len(who) < n {
		by := ""
		if len(who) > 0 {
			by = ": " + strings.Join(who, ", ")
		}
		return nil, fmt.Errorf("%d of the %d people who must sign have%s", len(who), n, by)
	}
	return who, nil
}
