package main

import (
	"cmp"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/internal/report"
)

func newDemo(a *app) *cobra.Command {
	var color string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Audit, apply, audit a pretend fleet; needs no account",
		Long: `Audit an example fleet in the built-in simulator, correct it, audit it again.
Needs no account, and leaves nothing behind.`,
		Example: `  eventinvoke demo
  eventinvoke demo --color never`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.demo(cmd.Context(), color)
		},
	}
	bindColor(cmd, &color)
	return cmd
}

// demoQuota is the quota of the demo's scenario, in requests per second.
const demoQuota = 400

const demoIntroduction = "A shop runs some 220 Lambda functions in one account, here a simulated one. Its " +
	"fleet file, examples/demo/fleet.yaml, says: failed events go to a queue, within " +
	"an hour; payments are never run twice. Then came a console click, a new alias, " +
	"and a few functions that nobody ever configured."

const demoEnd = "All of it was simulated; nothing is left behind. Next: write a fleet.yaml of your own, and `eventinvoke plan`."

func (a *app) demo(ctx context.Context, color string) error {
	w, err := openWorld("")
	if err != nil {
		return err
	}
	o := readOptions{
		simulate:      builtInScenario,
		paceOptions:   paceOptions{quota: demoQuota, share: 0.9},
		outputOptions: outputOptions{format: "text", color: color},
		simulator:     w,
	}
	informed := o // the first look tells who has changed what
	informed.insights = "auto"
	prose := o.text(a.out)
	prose.Width = min(helpColumns, cmp.Or(prose.Width, helpColumns))
	tell := func(text string) { _ = report.Lines(a.out, 0, text, prose) }
	tell(demoIntroduction)
	fmt.Fprintln(a.out)
	steps := []struct {
		say, command string
		run          func() error
		want         exitCode
	}{
		{"What has drifted, and who did it?", "eventinvoke audit", func() error { return a.audit(ctx, nil, &informed) }, exitDifferences},
		{"Correct it, around functions that are busy and calls that fail:", "eventinvoke apply --yes", func() error { return a.apply(ctx, nil, &writeOptions{readOptions: o, yes: true}) }, exitOK},
		{"And now?", "eventinvoke audit", func() error { return a.audit(ctx, nil, &o) }, exitOK},
	}
	for _, s := range steps {
		tell(s.say)
		fmt.Fprintf(a.out, "\n$ %s\n", s.command)
		err := s.run()
		code, show := codeOf(err)
		if show {
			return err
		}
		fmt.Fprintf(a.out, "(exit code %d)\n\n", code)
		if exitCode(code) != s.want {
			return exitCode(code)
		}
	}
	tell(demoEnd)
	return nil
}
