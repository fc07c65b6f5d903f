package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/examples"
	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/internal/fights"
	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/internal/observed"
	"github.com/eventinvoke/eventinvoke/internal/trail"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// builtInScenario is the value of --simulate without a file.
const builtInScenario = "demo"

// clients open the targets of runs, on AWS or on the simulator: nothing else
// chooses between them. They are a reconcile.Opener. The limiters outlive a run.
type clients struct {
	options  awslambda.Options
	registry *ratelimit.Registry[desired.Target]
	trails   *ratelimit.Registry[desired.Target] // of CloudTrail, which has a quota of its own
	peers    history.Peers

	fights     fights.Log
	remembered sync.Once // earlier runs were told to fights
}

// newClients makes clients at the pace that flags and fleet files ask for; what those declare
// may change. They are to be closed beside an error too.
func newClients(declared func() []desired.TargetSpec, o *readOptions) (*clients, error) {
	c := &clients{trails: ratelimit.NewRegistry(trail.Pace)}
	c.options.Version, c.options.MFAToken = version, mfaToken()
	c.registry = ratelimit.NewRegistry(func(target desired.Target) ratelimit.Options {
		return o.settingsOf(*cmp.Or(reconcile.FindTarget(declared(), target), &desired.TargetSpec{}))
	})
	c.options.Limiters = c.registry
	return c, o.simulated(&c.options.Environment)
}

// Open implements reconcile.Opener. A pace that the fleet files have changed since
// takes effect here.
func (c *clients) Open(ctx context.Context, req reconcile.OpenRequest) (reconcile.Opened, error) {
	c.registry.Refresh()
	return awslambda.Opener{Options: c.options}.Open(ctx, req)
}

// engine makes runs that know of others by the history and what those saw, each of which may
// be nil, and divide quotas with those that keep either in the same place.
func (c *clients) engine(o reconcile.Opener, m *history.Memory, h *history.History, seen *observed.Observations, log *slog.Logger) reconcile.Engine {
	e := reconcile.Engine{Opener: o}
	if m != nil {
		e.Memory = m
	}
	if seen != nil {
		e.Observations, e.Opener = seen, c.peers.Opener(o, seen.Store, log)
	}
	if h != nil && h.String() != noHistory {
		e.Opener = c.peers.Opener(o, h.Store(), log)
	}
	return e
}

// canAsk reports whether there is a person to ask for what is no part of the input.
func canAsk() bool { return isTerminal(os.Stdin) && isTerminal(os.Stderr) }

// mfaToken asks for the code of a profile with mfa_serial; nil where nobody can be asked.
func mfaToken() func() (string, error) {
	if !canAsk() {
		return nil
	}
	return func() (string, error) { return askMFA(os.Stdin, os.Stderr) }
}

// askMFA asks for the code of a profile with mfa_serial, as the aws command does.
func askMFA(in io.Reader, out io.Writer) (string, error) {
	fmt.Fprint(out, "MFA code: ")
	line, err := bufio.NewReader(in).ReadString('\n')
	if code := strings.TrimSpace(line); code != "" {
		return code, nil
	}
	return "", err
}

// snapshots is what the limiters are doing now.
func (c *clients) snapshots() map[desired.Target]ratelimit.Snapshot { return c.registry.Snapshots() }

// keep forgets what is kept of targets that are none any more: the last sweep did not open
// them, and they are not declared either. One that joined while it went on may be at work.
func (c *clients) keep(opened []reconcile.OpenTarget, declared []desired.TargetSpec) {
	still := func(t desired.Target) bool {
		return reconcile.FindTarget(opened, t) != nil || reconcile.FindTarget(declared, t) != nil
	}
	c.registry.Keep(still)
	c.trails.Keep(still)
}

func (c *clients) close() {
	c.registry.Close()
	c.trails.Close()
}

// simulated points an environment at a world inside the process, when asked to.
func (o *readOptions) simulated(environment *awslambda.Environment) error {
	if o.simulate == "" {
		return nil
	}
	sim := o.simulator
	if sim == nil {
		scenario := o.simulate
		if scenario == builtInScenario {
			scenario = "" // the demo's
		}
		simulated, err := openWorld(scenario)
		if err != nil {
			return err
		}
		sim = simulated
	}
	environment.Region = sim.DefaultRegion()
	environment.HTTPClient = sim
	environment.Credentials = awslambda.StaticCredentials(sim.DefaultAccessKeyID())
	return nil
}

// loadFor reads the fleet files, and asks for the accounts that they leave to AWS
// Organizations. Simulating the demo's world without naming any files means the demo's
// fleet.
func (a *app) loadFor(ctx context.Context, args []string, o *readOptions) (*desired.Document, error) {
	if o.simulate == builtInScenario && len(args) == 0 {
		return desired.Load(examples.FS, examples.DemoFleet)
	}
	doc, err := a.load(args, o.timeout)
	if err != nil && o.simulate == builtInScenario && len(args) > 0 {
		err = errors.Join(err, fmt.Errorf("(--simulate alone is the demo's world, and what is named beside it is read as fleet files: %s; a scenario is given as --simulate=FILE)", strings.Join(args, ", ")))
	}
	if err != nil {
		return nil, err
	}
	return a.withMembers(ctx, doc, o)
}

// countAnew makes the counters of a target begin at zero.
func countAnew(t reconcile.OpenTarget) reconcile.OpenTarget {
	calls := t.Calls
	if calls == nil {
		return t
	}
	before := map[string]reconcile.OperationCount{}
	for _, op := range calls() {
		before[op.Name] = op
	}
	t.Calls = func() []reconcile.OperationCount {
		now := calls()
		for i, op := range now {
			now[i] = added(op, before[op.Name])
		}
		return now
	}
	return t
}

// added is what a count has more than an earlier one.
func added(c, before reconcile.OperationCount) reconcile.OperationCount {
	c.Calls -= before.Calls
	c.OK -= before.OK
	c.Throttled -= before.Throttled
	c.Conflicts -= before.Conflicts
	c.Faults -= before.Faults
	c.Skewed -= before.Skewed
	c.Refused -= before.Refused
	return c
}

// chooseAWS is what --profile and --region do: they stand for AWS_PROFILE and AWS_REGION, for all
// that asks AWS, and as with the aws command a profile that is named wins over keys in variables.
func chooseAWS(profile, region string) {
	if region != "" {
		os.Setenv("AWS_REGION", region)
	}
	if profile != "" {
		os.Setenv("AWS_PROFILE", profile)
		for _, other := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_WEB_IDENTITY_TOKEN_FILE"} {
			os.Unsetenv(other)
		}
	}
}
