package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/eventinvoke/eventinvoke/internal/planfile"
	"github.com/eventinvoke/eventinvoke/internal/signature"
)

// newKey writes a private key, and returns its file and its line in a list of signers.
func newKey(t *testing.T, name string) (file, line string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return file, name + " " + string(ssh.MarshalAuthorizedKey(key))
}

// signedPlan is a saved plan of the demo's fleet that alice and bob have signed, and
// the list that names them; args narrow the plan.
func signedPlan(t *testing.T, args ...string) (plan, list string) {
	t.Helper()
	folder := t.TempDir()
	plan, list = filepath.Join(folder, "plan.json"), filepath.Join(folder, "signers")
	fleet := filepath.Join(folder, "fleet.yaml")
	must := func(args ...string) {
		t.Helper()
		if code, out, errs := eventinvoke(t.Context(), args...); code != 0 {
			t.Fatalf("%v: exit %d\n%s%s", args, code, out, errs)
		}
	}
	demo, err := os.ReadFile("../../examples/demo/fleet.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(fleet, demo, 0o600); err != nil {
		t.Fatal(err)
	}
	must(append([]string{"plan", fleet, "--simulate=../../examples/demo/scenario.yaml", "--quota", "400", "--quiet", "--out", plan}, args...)...)
	var lines string
	for _, who := range []string{"alice", "bob"} {
		key, line := newKey(t, who)
		lines += line
		must("plan", "sign", plan, "--key", key)
	}
	if err := os.WriteFile(list, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	return plan, list
}

func TestAPlanThatTwoMustSign(t *testing.T) {
	plan, list := signedPlan(t, "--function", "mail-*")
	mallory, line := newKey(t, "mallory")
	history := t.TempDir()
	apply := func(args ...string) (int, string) {
		code, out, errs := eventinvoke(t.Context(), append([]string{"apply", "--yes", "--quiet", "--simulate=../../examples/demo/scenario.yaml", "--quota", "400", "--history", history}, args...)...)
		return code, out + errs
	}
	for _, c := range []struct {
		args []string
		want string
		why  string
	}{
		{[]string{plan, "--require-signatures", "3", "--allowed-signers", list}, "2 of the 3 people who must sign have: alice, bob", "two are not three"},
		{[]string{"../../examples/demo/fleet.yaml", "--require-signatures", "1", "--allowed-signers", list}, "only a saved plan can be signed", "a fleet file was approved by nobody"},
		{[]string{plan, "--require-signatures", "2"}, "needs --allowed-signers", "anybody has a key"},
		{[]string{plan, "--allowed-signers", list}, "say how many", "a list alone asks for nothing"},
	} {
		if code, out := apply(c.args...); code != 1 || !strings.Contains(out, c.want) {
			t.Errorf("%v: exit %d, %s:\n%s", c.args, code, c.why, out)
		}
	}
	code, out := apply(plan, "--require-signatures", "2", "--allowed-signers", list)
	if code != 0 {
		t.Fatalf("exit %d\n%s", code, out)
	}
	if _, out, _ := eventinvoke(t.Context(), "history", "latest", "--history", history); !strings.Contains(out, "approved by alice, bob") {
		t.Errorf("the record does not tell who approved it:\n%s", out)
	}

	// A stranger's signature is a reason to stop, beside those of two who may.
	if code, _, errs := eventinvoke(t.Context(), "plan", "sign", plan, "--key", mallory); code != 0 {
		t.Fatal(errs)
	}
	if code, out := apply(plan, "--require-signatures", "2", "--allowed-signers", list); code != 1 || !strings.Contains(out, "not in the list") {
		t.Errorf("exit %d\n%s", code, out)
	}
	// A key whose time is over does not count.
	expired := filepath.Join(t.TempDir(), "expired")
	data, _ := os.ReadFile(list)
	name, key, _ := strings.Cut(line, " ")
	if err := os.WriteFile(expired, append(data, name+` valid-before="20200101Z" `+key...), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out := apply(plan, "--require-signatures", "2", "--allowed-signers", expired); code != 1 || !strings.Contains(out, "does not count now") {
		t.Errorf("exit %d\n%s", code, out)
	}
}

// A history that a key signed tells whose it was, offline, and ssh-keygen says the same.
func TestAHistoryThatIsSigned(t *testing.T) {
	alice, line := newKey(t, "alice")
	mallory, _ := newKey(t, "mallory")
	history, list := t.TempDir(), filepath.Join(t.TempDir(), "signers")
	if err := os.WriteFile(list, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(want int, args ...string) string {
		t.Helper()
		code, out, errs := eventinvoke(t.Context(), args...)
		if code != want {
			t.Fatalf("%v: exit %d, want %d\n%s%s", args, code, want, out, errs)
		}
		return out + errs
	}
	apply := func(want int, args ...string) string {
		t.Helper()
		return run(want, append([]string{"apply", "../../examples/demo/fleet.yaml", "--function", "mail-01", "--guard", "off", "--reason", "a test", "--insights", "off", "--yes", "--quiet", "--simulate=../../examples/demo/scenario.yaml", "--quota", "400"}, args...)...)
	}
	verify := func(want int, says ...string) {
		t.Helper()
		out := run(want, "history", "verify", "--history", history, "--allowed-signers", list)
		for _, line := range says {
			if !strings.Contains(out, line+"\n") {
				t.Errorf("no %q in:\n%s", line, out)
			}
		}
	}
	apply(0, "--history", history, "--run-id", "one")
	verify(3, "one: verified, unsigned")
	apply(0, "--history", history, "--run-id", "two", "--sign-key", alice)
	verify(0, "one: verified, covered by a later signature", "two: verified, signed by alice")
	if out := run(0, "history", "verify", "two", "--history", history, "--allowed-signers", list, "-o", "json"); !strings.Contains(out, `"signature": "signed",`) || !strings.Contains(out, `"signed_by": [`) {
		t.Errorf("JSON:\n%s", out)
	}
	if out := run(0, "history", "verify", "--history", history); !strings.Contains(out, "two: verified\n") {
		t.Errorf("nobody asked who signed:\n%s", out)
	}
	if out := run(0, "history", "verify", "two", "--history", history); strings.Contains(out, "sign") {
		t.Errorf("nobody asked who signed:\n%s", out)
	}
	if _, err := exec.LookPath("ssh-keygen"); err == nil {
		_, sum, _ := strings.Cut(run(0, "history", "verify", "--history", history), "The chain ends with ")
		check := exec.Command("ssh-keygen", "-Y", "verify", "-f", list, "-I", "alice", "-n", signature.Namespace, "-s", filepath.Join(history, "chain", "000000000002.sig"))
		check.Stdin = strings.NewReader("history " + strings.TrimSpace(sum))
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("ssh-keygen: %v\n%s", err, out)
		}
	}
	audit := []string{"audit", "../../examples/demo/fleet.yaml", "--insights", "off", "--quiet", "--simulate=../../examples/demo/scenario.yaml", "--quota", "400", "--sign-key", alice}
	run(2, append(audit, "--history", history)...)
	run(0, "history", "prune", "--keep", "90d", "--history", history, "--sign-key", alice)
	if out := run(0, "history", "verify", "--history", history, "--allowed-signers", list); strings.Count(out, "verified, signed by alice\n") != 2 {
		t.Errorf("the audit is not signed:\n%s", out)
	}
	if out := run(1, audit...); !strings.Contains(out, "this run leaves no history") {
		t.Error(out)
	}
	apply(0, "--history", history, "--run-id", "three", "--sign-key", mallory)
	verify(3, "two: verified, signed by alice", "three: broken")

	// What cannot sign ends the run before any call.
	if out := apply(1, "--history", "none", "--sign-key", alice); !strings.Contains(out, "this run leaves no history") {
		t.Error(out)
	}
	if out := apply(1, "--history", history, "--sign-key", list); !strings.Contains(out, "not a private SSH key") {
		t.Error(out)
	}
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	protected := filepath.Join(t.TempDir(), "protected")
	if err := os.WriteFile(protected, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"serve", "--apply"}, {"apply", "--yes"}} {
		if out := run(1, append(args, "--history", history, "--sign-key", protected, "--simulate")...); !strings.Contains(out, "has a passphrase") {
			t.Errorf("%v: %s", args, out)
		}
	}
	if out := run(1, "serve", "--history", history, "--sign-key", alice, "--simulate"); !strings.Contains(out, "without --apply nothing is") {
		t.Error(out)
	}
}

// Whatever byte of a signed plan or of the list of signers is changed, taken out, put
// in or swapped: it is refused, or what is approved, and by whose keys, is the same.
func TestNoApprovalSurvivesAChange(t *testing.T) {
	plan, list := signedPlan(t, "--function", "search-*")
	planData, err := os.ReadFile(plan)
	if err != nil {
		t.Fatal(err)
	}
	listData, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	approved := func(saved planfile.Saved, list []byte) error {
		allowed, err := signature.ParseAllowed(list)
		if err == nil {
			_, err = allowed.Require(2, []byte(saved.Fingerprint), saved.Signatures, time.Now())
		}
		return err
	}
	want, err := planfile.Decode(planData)
	if err == nil {
		err = approved(want, listData)
	}
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	signatures := bytes.Index(planData, []byte(`"signatures"`))
	refused := 0
	for i := range 10_000 {
		p, l := bytes.Clone(planData), bytes.Clone(listData)
		changed, from := &p, 0
		switch i % 3 {
		case 1:
			from = signatures
		case 2:
			changed = &l
		}
		at := from + rng.IntN(len(*changed)-from)
		what := rng.IntN(4)
		switch what {
		case 0:
			(*changed)[at] ^= byte(1 + rng.IntN(255))
		case 1:
			*changed = append((*changed)[:at], (*changed)[at+1:]...)
		case 2:
			*changed = append((*changed)[:at], append([]byte{byte(rng.IntN(256))}, (*changed)[at:]...)...)
		case 3:
			to := from + rng.IntN(len(*changed)-from)
			(*changed)[at], (*changed)[to] = (*changed)[to], (*changed)[at]
		}
		got, err := want, error(nil)
		if changed == &p {
			got, err = planfile.Decode(p)
		}
		if err == nil {
			err = approved(got, l)
		}
		if err != nil {
			refused++
			continue
		}
		if got.Fingerprint != want.Fingerprint || !reflect.DeepEqual(got.Plan, want.Plan) {
			t.Fatalf("change %d (kind %d, at %d) of another plan is approved", i, what, at)
		}
	}
	if refused < 9_000 {
		t.Errorf("only %d of 10,000 changes were refused: most of them should harm", refused)
	}
}

// What plan sign makes, ssh-keygen checks, so that nobody needs this program to do so.
func TestSSHKeygenChecksAnApproval(t *testing.T) {
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		t.Skip("there is no ssh-keygen here")
	}
	plan, list := signedPlan(t, "--function", "search-*")
	data, err := os.ReadFile(plan)
	if err != nil {
		t.Fatal(err)
	}
	saved, err := planfile.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	for i, who := range []string{"alice", "bob"} {
		file := filepath.Join(t.TempDir(), fmt.Sprint(i))
		if err := os.WriteFile(file, []byte(saved.Signatures[i]), 0o600); err != nil {
			t.Fatal(err)
		}
		check := exec.Command("ssh-keygen", "-Y", "verify", "-f", list, "-I", who, "-n", signature.Namespace, "-s", file)
		check.Stdin = strings.NewReader(saved.Fingerprint)
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", who, err, out)
		}
	}
}
