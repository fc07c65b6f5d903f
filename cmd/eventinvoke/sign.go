package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/eventinvoke/eventinvoke/internal/planfile"
	"github.com/eventinvoke/eventinvoke/internal/signature"
)

// newPlanSign is the verb by which a person approves a saved plan.
func newPlanSign(a *app) *cobra.Command {
	var key string
	cmd := &cobra.Command{
		Use:   "sign PLANFILE",
		Short: "Approve a saved plan with an SSH key",
		Long: `Approve a saved plan, for "apply PLANFILE --require-signatures". Look at it
first: ` + "`eventinvoke show PLANFILE`" + `. Several people may sign, one after the
other; any later change of the plan voids all signatures.`,
		Example: `  eventinvoke plan sign plan.json --key ~/.ssh/id_ed25519
  eventinvoke plan sign plan.json --key approver`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.signPlan(args[0], key)
		},
	}
	cmd.Flags().StringVar(&key, "key", "", "`FILE` of the private SSH key; its passphrase is asked for")
	return cmd
}

func (a *app) signPlan(path, keyFile string) error {
	if keyFile == "" {
		return errors.New("--key FILE is needed: the private SSH key to sign with, such as ~/.ssh/id_ed25519")
	}
	data, err := readNamed("", path, "a plan that `eventinvoke plan --out` wrote")
	if err != nil {
		return err
	}
	saved, err := planfile.Decode(data)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	sign, err := signer("key", keyFile, asker(keyFile))
	if err != nil {
		return err
	}
	out, err := openFor("out", path)
	if err != nil {
		return err
	}
	defer out.drop()
	if err := planfile.Sign(out, data, sign); err != nil {
		return err
	}
	if err := out.commit(); err != nil {
		return err
	}
	changes := saved.Plan.Counts()
	say(a.out, "Signed %s: %d to create, %d to change, %d to delete. It has %s.",
		path, changes.Creates, changes.Updates, changes.Deletes, count(len(saved.Signatures)+1, "signature", "signatures"))
	return nil
}

// signer signs with the key in a file, which a flag named.
func signer(flag, file string, ask func() (string, error)) (func(message []byte) (string, error), error) {
	data, err := readNamed("--"+flag+" ", file, "a private SSH key, such as ~/.ssh/id_ed25519")
	if err != nil {
		return nil, err
	}
	key, err := signature.Key(file, data, ask)
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", flag, err)
	}
	return func(message []byte) (string, error) { return signature.Sign(key, message) }, nil
}

// asker asks a person for the passphrase of a key, or is nil where nobody can be asked.
func asker(keyFile string) func() (string, error) {
	if !canAsk() {
		return nil
	}
	return func() (string, error) {
		fmt.Fprintf(os.Stderr, "Passphrase of %s: ", keyFile)
		passphrase, err := term.ReadPassword(int(os.Stdin.Fd()))
		fmt.Fprintln(os.Stderr)
		return string(passphrase), err
	}
}

// signingOptions say whose key signs what a run leaves in the history.
type signingOptions struct {
	file       string
	unattended bool // there is nobody to ask for a passphrase, terminal or not
	sign       func(message []byte) (string, error)
}

func (o *signingOptions) bind(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.file, "sign-key", "", "sign the history with the private SSH key in `FILE`, for history verify --allowed-signers")
}

// open reads the key, so that one that cannot be used ends the run before any call.
func (o *signingOptions) open(location string) error {
	if o.file == "" {
		return nil
	}
	if location == noHistory {
		return errors.New("--sign-key signs what is remembered, and this run leaves no history; name a place with --history, or leave --sign-key out")
	}
	ask := asker(o.file)
	if o.unattended {
		ask = nil
	}
	var err error
	o.sign, err = signer("sign-key", o.file, ask)
	return err
}

// readAllowed reads a list of those whose signature counts.
func readAllowed(path string) (signature.Allowed, error) {
	data, err := readNamed("--allowed-signers ", path, "a list in the form of ssh-keygen")
	if err != nil {
		return nil, err
	}
	allowed, err := signature.ParseAllowed(data)
	if err != nil {
		return nil, fmt.Errorf("--allowed-signers %s: %w", path, err)
	}
	return allowed, nil
}

// approvalOptions say who must have signed what is applied.
type approvalOptions struct {
	required int
	allowed  string
}

func (o *approvalOptions) bind(cmd *cobra.Command) {
	cmd.Flags().IntVar(&o.required, "require-signatures", 0, "apply only a saved plan that `NUMBER` people have signed")
	cmd.Flags().StringVar(&o.allowed, "allowed-signers", "", "`FILE` of those whose signature counts, as for ssh-keygen -Y")
}

// check refuses whatever is not approved as was asked, before any call. It returns who
// signed.
func (o *approvalOptions) check(saved *planfile.Saved) ([]string, error) {
	switch {
	case o.required < 0:
		return nil, fmt.Errorf("--require-signatures %d is negative", o.required)
	case o.required == 0 && o.allowed == "":
		return nil, nil
	case o.required == 0:
		return nil, errors.New("--allowed-signers says whose signature counts; say how many must have signed with --require-signatures")
	case o.allowed == "":
		return nil, errors.New("--require-signatures needs --allowed-signers FILE: whose signature counts")
	case saved == nil:
		return nil, errors.New("--require-signatures: only a saved plan can be signed; make one with plan --out, and have it signed with plan sign")
	}
	allowed, err := readAllowed(o.allowed)
	if err != nil {
		return nil, err
	}
	who, err := allowed.Require(o.required, []byte(saved.Fingerprint), saved.Signatures, time.Now())
	if err != nil {
		return nil, fmt.Errorf("the plan is not approved: %w", err)
	}
	return who, nil
}
