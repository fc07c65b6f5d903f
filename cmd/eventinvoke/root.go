package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/hashicorp/go-multierror"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/eventinvoke/eventinvoke/internal/report"
	"github.com/eventinvoke/eventinvoke/internal/s3files"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// app is what every verb shares.
type app struct {
	streams
	log   *slog.Logger
	logTo *divertedWriter // the standard error that log writes to
	ctx   context.Context // of the process; ends the wait for a fleet file that is a pipe

	goesOn atomic.Bool // also when nobody reads its output any more

	logLevel, logFormat string

	inS3 struct { // the fleet files that are there
		sync.Mutex
		paths  []string
		source *s3files.Source
	}
	knownMembers memberCache // the accounts of organizations
}

// verbs is the whole command line, in the order in which help lists it.
var verbs = []func(*app) *cobra.Command{
	newValidate,
	newPlan,
	newAudit,
	newApply,
	newServe,
	newLambda,
	newHealthcheck,
	newRollback,
	newHistory,
	newShow,
	newTargets,
	newExport,
	newAdopt,
	newImport,
	newExplain,
	newIAMPolicy,
	newSchema,
	newSimulate,
	newDemo,
	newVersion,
}

// errorPrefix stands before what ends the program.
const errorPrefix = "eventinvoke: "

// run is the program: everything but the process's own ends.
func run(ctx context.Context, args []string, s streams) int {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	a := &app{log: slog.New(slog.DiscardHandler), ctx: ctx}
	left := func() {
		if !a.goesOn.Load() {
			stop(interrupt{syscall.SIGPIPE})
		}
	}
	out, errs := &checkedWriter{to: s.out, left: left}, &checkedWriter{to: s.err, left: left}
	a.streams, a.logTo = streams{in: s.in, out: out, err: errs}, &divertedWriter{to: errs}
	root := newRoot(a)
	root.SetArgs(lambdaArgs(args))
	if len(args) > 0 && args[0] == cobra.ShellCompRequestCmd {
		plainUsage(root)
	}
	cmd, err := root.ExecuteContextC(ctx)
	if problem := out.problem(); err == nil && problem != nil {
		err = fmt.Errorf("the result could not be written: %w", problem)
	}
	if i, stopped := context.Cause(ctx).(interrupt); stopped && i.Signal == syscall.SIGPIPE {
		err = i.code() // as of any program in a pipe: nobody asks what failed then
	}
	code, show := codeOf(err)
	if show {
		sayLines(a.err, errorPrefix+withVariables(errorText(err), cmd.Flags()))
	}
	return code
}

// plainUsage takes out the marks around the names of values, which help takes out itself
// and completion shows.
func plainUsage(cmd *cobra.Command) {
	for _, flags := range []*pflag.FlagSet{cmd.Flags(), cmd.PersistentFlags()} {
		flags.VisitAll(func(f *pflag.Flag) { f.Usage = strings.ReplaceAll(f.Usage, "`", "") })
	}
	for _, below := range cmd.Commands() {
		plainUsage(below)
	}
}

// Help lists the verbs in the order of their table.
func init() { cobra.EnableCommandSorting = false }

func newRoot(a *app) *cobra.Command {
	var tell bool              // --version
	var profile, region string // --profile, --region
	root := &cobra.Command{
		Use:   "eventinvoke",
		Short: "Keep the asynchronous-invocation settings of AWS Lambda fleets as declared",
		Long: `eventinvoke keeps the asynchronous-invocation settings of AWS Lambda functions
as declared in YAML: it shows what differs, and corrects it at a gentle pace.

Results go to standard output, logs and progress to standard error. Any flag
can be set by a variable, EVENTINVOKE_ and its name in capitals with _ for -;
the flag wins. PATH is a file, a folder, a pattern or s3://bucket/key (a key
that ends in / is all below it); without one, EVENTINVOKE_FLEET, or fleet.yaml.
AWS settings are the SDK's own, such as AWS_ENDPOINT_URL.

` + exitCodesHelp(),
		Example: `  eventinvoke demo
  eventinvoke audit fleet.yaml`,
		SuggestionsMinimumDistance: 2,
		SilenceErrors:              true,
		SilenceUsage:               true,
		Args:                       knownVerb,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := fromEnvironment(cmd.Flags(), os.LookupEnv); err != nil {
				return err
			}
			chooseAWS(profile, region)
			return a.setUpLog()
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if tell {
				a.printVersion()
				return nil
			}
			return cmd.Help()
		},
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.PersistentFlags().StringVar(&a.logLevel, "log-level", "info", "`LEVEL` of the log on standard error: debug, info, warn or error")
	root.PersistentFlags().StringVar(&a.logFormat, "log-format", "text", "`FORMAT` of the log: text or json")
	_ = root.RegisterFlagCompletionFunc("log-level", cobra.FixedCompletions([]string{"debug", "info", "warn", "error"}, cobra.ShellCompDirectiveNoFileComp))
	_ = root.RegisterFlagCompletionFunc("log-format", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
	root.PersistentFlags().StringVar(&profile, "profile", "", "AWS `PROFILE` (default: AWS_PROFILE)")
	root.PersistentFlags().StringVar(&region, "region", "", "AWS `REGION` (default: AWS_REGION)")
	root.Flags().BoolVarP(&tell, "version", "v", false, "print the version of this binary")
	root.SetHelpFunc(writeHelp)
	root.SetUsageFunc(writeUsage)
	root.SetHelpCommand(newHelp(a))
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		err = flagError(cmd, err)
		sign := ";"
		if strings.HasSuffix(err.Error(), "?") {
			sign = ""
		}
		return fmt.Errorf("%w%s `%s --help` lists the flags", err, sign, cmd.CommandPath())
	})
	for _, v := range verbs {
		root.AddCommand(withHint(v(a)))
	}
	return root
}

// withHint lets a verb, and those below it, say what arguments it takes when it refuses some.
func withHint(cmd *cobra.Command) *cobra.Command {
	cmd.SuggestionsMinimumDistance = 2
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if check(cmd, args) == nil {
				return nil
			}
			_, takes, some := strings.Cut(cmd.Use, " ")
			if !some || strings.HasPrefix(takes, "--") {
				takes = "no arguments"
			}
			given := "none"
			if len(args) > 0 {
				given = fmt.Sprintf("%q", args)
			}
			return fmt.Errorf("%s takes %s, and was given %s; `%s --help` says more", cmd.Name(), takes, given, cmd.CommandPath())
		}
	}
	for _, below := range cmd.Commands() {
		withHint(below)
	}
	return cmd
}

// knownVerb refuses a word that is no verb, and says which one it may have been.
func knownVerb(root *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case strings.ContainsAny(args[0], "./"):
		return fmt.Errorf("%s stands where a verb belongs; write the verb first, as in: `eventinvoke plan %s`", args[0], shellWord(args[0]))
	}
	near := root.SuggestionsFor(args[0])
	for _, verb := range root.Commands() {
		for _, below := range verb.Commands() {
			if below.Name() == args[0] {
				near = append(near, verb.Name()+" "+below.Name())
			}
		}
	}
	if len(near) > 0 {
		return fmt.Errorf("there is no verb %q; did you mean %s?", args[0], strings.Join(near, " or "))
	}
	return fmt.Errorf("there is no verb %q; `eventinvoke --help` lists them", args[0])
}

// variableAnnotation marks a flag that a variable of the environment has set.
const variableAnnotation = "eventinvoke_variable"

// fromEnvironment sets every flag that was not given from its variable, and marks
// it. A list is separated by white space: labels and globs have none. An empty
// variable is as good as none, and so is that of a flag which excludes one that was given.
func fromEnvironment(flags *pflag.FlagSet, lookup func(string) (string, bool)) error {
	var problems []error
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Changed || f.Name == "help" || f.Name == "version" { // EVENTINVOKE_VERSION is somebody's release
			return
		}
		variable := variableOf(f.Name)
		value, ok := lookup(variable)
		if !ok || value == "" || slices.ContainsFunc(excludedBy(f), func(other string) bool { return typed(flags, other) }) {
			return
		}
		if f.Annotations == nil {
			f.Annotations = map[string][]string{}
		}
		f.Annotations[variableAnnotation] = []string{variable}
		values := []string{value}
		if f.Value.Type() == "stringArray" {
			values = strings.Fields(value)
		}
		for _, v := range values {
			err := flags.Set(f.Name, v)
			if err == nil {
				continue
			}
			name := variable
			if _, is := errors.AsType[choiceError](err); is {
				name = "--" + f.Name // another verb may know the word: its flag of that name takes others
			}
			problems = append(problems, fmt.Errorf("%s %s", name, wrongValue(f, v, err)))
		}
	})
	return errors.Join(problems...)
}

// excludedBy are the flags of which only one may be given, as
// cobra.Command.MarkFlagsMutuallyExclusive notes them.
func excludedBy(f *pflag.Flag) []string {
	return strings.Fields(strings.Join(f.Annotations["cobra_annotation_mutually_exclusive"], " "))
}

// errorText is an error's text, line by line, and what to do next where AWS's answer tells. Of errors that
// are only joined, however deep, each has its own lines, and none is told twice.
func errorText(err error) string {
	var texts []string
	for _, e := range parts(err) {
		text := errorLines(e)
		if call := (*callerr.Error)(nil); errors.As(e, &call) && call.Hint != "" {
			text += "\nnext: " + report.Clean(call.Hint)
		}
		if !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, "\n")
}

// parts are the errors that one consists of, and has no word to add to.
func parts(err error) (all []error) {
	var below []error
	switch e := err.(type) {
	case *ending:
		return parts(e.err)
	case *multierror.Error: // of a run; whatever text it was given
		below = e.Errors
	case interface{ Unwrap() []error }:
		below = e.Unwrap()
		if joined := errors.Join(below...); joined == nil || joined.Error() != err.Error() {
			return []error{err}
		}
	default:
		return []error{err}
	}
	for _, e := range below {
		all = append(all, parts(e)...)
	}
	return all
}

// errorLines is an error's text, with the line ends that are ours: those between joined errors, and
// those of an error that gives its Lines. Whatever else is in it may come from elsewhere, and makes none.
func errorLines(err error) string {
	if several, is := err.(interface{ Lines() []string }); is {
		return strings.Join(slice.Map(several.Lines(), report.Clean), "\n")
	}
	if all := parts(err); len(all) > 1 {
		return strings.Join(slice.Map(all, errorLines), "\n")
	}
	if inner := errors.Unwrap(err); inner != nil && inner.Error() != "" {
		if before, after, found := strings.Cut(err.Error(), inner.Error()); found {
			return report.Clean(before) + errorLines(inner) + report.Clean(after)
		}
	}
	return report.Clean(err.Error())
}

// withVariables adds to a message the variables behind the flags that it
// mentions: nobody looks for a flag that nobody typed.
func withVariables(message string, flags *pflag.FlagSet) string {
	flags.VisitAll(func(f *pflag.Flag) {
		mention := regexp.MustCompile(`--` + regexp.QuoteMeta(f.Name) + `($|[^a-z-])`)
		if variable := f.Annotations[variableAnnotation]; variable != nil && mention.MatchString(message) {
			message += fmt.Sprintf("\n(--%s was set by the environment variable %s)", f.Name, variable[0])
		}
	})
	return message
}

func (a *app) setUpLog() error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(a.logLevel)); err != nil {
		return fmt.Errorf("--log-level %q is not known; use debug, info, warn or error", a.logLevel)
	}
	options := &slog.HandlerOptions{Level: level}
	switch a.logFormat {
	case "text":
		a.log = slog.New(slog.NewTextHandler(a.logTo, options))
	case "json":
		a.log = slog.New(slog.NewJSONHandler(a.logTo, options))
	default:
		return fmt.Errorf("--log-format %q is not known; use text or json", a.logFormat)
	}
	return nil
}

// isTerminal reports whether a stream is a terminal that a person looks at.
func isTerminal(stream any) bool {
	f := fileOf(stream)
	return f != nil && term.IsTerminal(int(f.Fd()))
}

// columns is the width of the terminal that a stream is, or 0.
func columns(stream any) (width int) {
	if f := fileOf(stream); f != nil {
		width, _, _ = term.GetSize(int(f.Fd()))
	}
	return width
}

// pageColumns is as wide as what a person reads page by page is: where the stream is no terminal
// COLUMNS says it, as for a pager.
func pageColumns(stream any) int {
	width := columns(stream)
	if width == 0 {
		width, _ = strconv.Atoi(os.Getenv("COLUMNS"))
	}
	return max(0, width)
}

func fileOf(stream any) *os.File {
	if checked, ok := stream.(*checkedWriter); ok {
		stream = checked.to
	}
	f, _ := stream.(*os.File)
	return f
}
