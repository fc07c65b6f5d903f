package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/internal/report"
	"github.com/eventinvoke/eventinvoke/internal/s3files"
	"github.com/eventinvoke/eventinvoke/internal/slice"
)

// fleetOptions say which part of which fleet file a verb is about.
type fleetOptions struct {
	targets   []string
	functions []string
}

func (o *fleetOptions) bind(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&o.targets, "target", nil, "only the target `LABEL` or ACCOUNT/REGION; repeatable")
	cmd.Flags().StringArrayVar(&o.functions, "function", nil, "only functions that match `GLOB`; repeatable")
	_ = cmd.RegisterFlagCompletionFunc("target", completeTargets)
}

func (o *fleetOptions) selection() desired.Selection {
	return desired.Selection{Targets: o.targets, Functions: o.functions}
}

// defaultPath is the fleet file of a verb that was given no path.
const defaultPath = "fleet.yaml"

// fleetVariable names the fleet files where no path is given, for processes that are
// started without arguments. A flag has its own variable; paths are no flag.
const fleetVariable = "EVENTINVOKE_FLEET"

// pathsOr is the paths given, or those of the environment, or the default one.
func pathsOr(args []string) []string {
	if len(args) == 0 {
		args = strings.Fields(os.Getenv(fleetVariable))
	}
	if len(args) == 0 {
		return []string{defaultPath}
	}
	return args
}

// load reads the fleet files; "-" is standard input. A limit that is not 0 is the --timeout
// of the run.
func (a *app) load(args []string, limit time.Duration) (*desired.Document, error) {
	ctx := cmp.Or(a.ctx, context.Background())
	if limit > 0 {
		limit = max(limit, time.Second) // a shorter one is told by the run, which then has a report
	}
	ctx, cancel := withTimeout(ctx, limit)
	defer cancel()
	if slices.Contains(args, "") {
		return nil, errors.New("a path is empty; is a variable of the shell unset?")
	}
	paths := pathsOr(args)
	if len(args) == 0 && paths[0] == defaultPath {
		if _, err := os.Stat(defaultPath); err != nil {
			return nil, fmt.Errorf("no path was given and there is no %s here; name a file, a directory, a glob or s3://bucket/key", defaultPath)
		}
	}
	for _, path := range paths {
		saved, err := isSavedPlan(ctx, path)
		if err != nil {
			return nil, err
		}
		if saved {
			return nil, fmt.Errorf("%s is a saved plan, not a fleet file; apply it with: `eventinvoke apply %s`", path, shellWord(path))
		}
	}
	loader, paths, err := a.loader(ctx, paths)
	if err != nil {
		return nil, err
	}
	return loadFiles(loader, paths)
}

// loadFiles reads them. An interrupt meanwhile is no problem of a file.
func loadFiles(loader desired.Loader, paths []string) (*desired.Document, error) {
	document, err := loader.LoadFiles(paths...)
	if stopped := (interrupt{}); err != nil && errors.As(context.Cause(loader.Context), &stopped) {
		return nil, stopped
	}
	return document, err
}

// pathsIn are the paths of fleet files.
func pathsIn(files []desired.FileInfo) []string {
	return slice.Map(files, func(f desired.FileInfo) string { return f.Path })
}

// loader fetches the files that are in S3, and gives what the loader is to read.
func (a *app) loader(ctx context.Context, paths []string) (desired.Loader, []string, error) {
	loader := desired.Loader{Stdin: a.in, Context: ctx}
	source, err := a.bucket(ctx, paths)
	if source == nil || err != nil {
		return loader, paths, err
	}
	names, files, err := source.Read(ctx)
	loader.Remote = files
	return loader, append(slices.DeleteFunc(slices.Clone(paths), s3files.Is), names...), err
}

// bucket is the source of the paths that are in S3, or nil where none is. What it has
// read is kept while the paths stay the same, and asked for again only if it changed.
func (a *app) bucket(ctx context.Context, paths []string) (*s3files.Source, error) {
	paths = slice.Filter(paths, s3files.Is)
	if len(paths) == 0 {
		return nil, nil
	}
	a.inS3.Lock()
	defer a.inS3.Unlock()
	if a.inS3.source != nil && slices.Equal(a.inS3.paths, paths) {
		return a.inS3.source, nil
	}
	source, err := s3files.Of(ctx, awslambda.Environment{Version: version}, paths...)
	if err == nil {
		a.inS3.paths, a.inS3.source = paths, source
	}
	return source, err
}

// reportFormats are the forms of a report of a run.
var reportFormats = []string{"text", "markdown", "json", "ndjson", "junit", "sarif", "github", "html"}

// oneOf lists choices as a sentence does.
func oneOf(choices []string) string {
	last := len(choices) - 1
	return strings.Join(choices[:last], ", ") + " or " + choices[last]
}

// choice is the value of a flag that takes one of a few words: it refuses every other
// as soon as the flag is read, whoever reads it then.
type choice[S ~string] struct {
	of    []string
	value *S
}

func (c choice[S]) String() string { return string(*c.value) }
func (c choice[S]) Type() string   { return "string" }
func (c choice[S]) Set(word string) error {
	if !slices.Contains(c.of, word) {
		return choiceError(c.of)
	}
	*c.value = S(word)
	return nil
}

// choiceError says what could have been chosen.
type choiceError []string

func (e choiceError) Error() string { return "is not known; use " + oneOf(e) }

// bindChoice binds a flag that takes one of a few words, the first of them where it is
// left out, and completes it. The flag may have a letter, as in "output,o".
func bindChoice[S ~string](cmd *cobra.Command, value *S, flag, usage string, of ...string) {
	name, letter, _ := strings.Cut(flag, ",")
	*value = S(of[0])
	cmd.Flags().VarP(choice[S]{of, value}, name, letter, usage)
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(of, cobra.ShellCompDirectiveNoFileComp))
}

// outputOptions say what a report looks like and where it goes.
type outputOptions struct {
	format string
	file   string
	color  string
	full   bool
	quiet  bool
}

func (o *outputOptions) bind(cmd *cobra.Command) {
	bindChoice(cmd, &o.format, "output,o", "`FORMAT` of the result: "+oneOf(reportFormats), reportFormats...)
	cmd.Flags().StringVar(&o.file, "output-file", "", "write the result to `FILE`")
	bindColor(cmd, &o.color)
	cmd.Flags().BoolVar(&o.full, "full", false, "in text, list every function of a block, not a few")
	cmd.Flags().BoolVar(&o.quiet, "quiet", false, "no progress on standard error")
}

func bindColor(cmd *cobra.Command, color *string) {
	bindChoice(cmd, color, "color", "colour the text: `WHEN` is auto, always or never", "auto", "always", "never")
}

// bindFormat binds the --output of the verbs that make no report of a run.
func bindFormat(cmd *cobra.Command, format *string) {
	bindChoice(cmd, format, "output,o", "`FORMAT` of the result: text or json", "text", "json")
}

// inFile reports whether the result goes to a file.
func (o *outputOptions) inFile() bool { return o.file != "" && o.file != "-" }

// seen reports whether people see the result, as text on standard output.
func (o *outputOptions) seen() bool { return o.format == "text" && !o.inFile() }

// colored decides about colour: in auto only on a terminal that can show it,
// and never into a file.
func (o *outputOptions) colored(out io.Writer) bool {
	switch {
	case o.color == "always":
		return true
	case o.color == "never" || o.inFile() || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb":
		return false
	}
	return isTerminal(out)
}

// text is how a report for people is written to out: in the columns and the
// characters that its terminal has.
func (o *outputOptions) text(out io.Writer) report.TextOptions {
	return report.TextOptions{Color: o.colored(out), Full: o.full, Width: pageColumns(out), Fold: columns(out) > 0, ASCII: o.file == "" && asciiLocale()}
}

// asciiLocale reports whether the locale is set to one without UTF-8. An unset
// locale, as in a container, says nothing about whoever reads its log.
func asciiLocale() bool {
	locale := strings.ToLower(cmp.Or(os.Getenv("LC_ALL"), os.Getenv("LC_CTYPE"), os.Getenv("LANG")))
	return locale != "" && !strings.Contains(locale, "utf-8") && !strings.Contains(locale, "utf8")
}

// simulator answers in place of AWS.
type simulator interface {
	Do(*http.Request) (*http.Response, error)
	DefaultRegion() string
	DefaultAccessKeyID() string
}

// readOptions are the options of the verbs that read AWS and compare.
type readOptions struct {
	fleetOptions
	paceOptions
	outputOptions
	shardOptions
	metricsFile string
	simulate    string
	strict      bool
	insights    insightsFlag
	reading     readChoice
	remembered  historyOptions // of plan and audit
	notify      notifyOptions
	simulator   simulator // what to simulate, when it is not made from a file
}

func bindStrict(cmd *cobra.Command, strict *bool) {
	cmd.Flags().BoolVar(strict, "strict", false, "take warnings for errors: exit code 1, nothing written")
}

func bindSimulate(cmd *cobra.Command, scenario *string) {
	cmd.Flags().StringVar(scenario, "simulate", "", "use the simulator instead of AWS: the demo's, or that of `SCENARIO`, as --simulate=FILE")
	cmd.Flags().Lookup("simulate").NoOptDefVal = builtInScenario
}

func (o *readOptions) bind(cmd *cobra.Command) {
	o.fleetOptions.bind(cmd)
	o.paceOptions.bind(cmd)
	o.outputOptions.bind(cmd)
	o.shardOptions.bind(cmd)
	bindStrict(cmd, &o.strict)
	o.insights.bind(cmd)
	o.notify.bind(cmd)
	cmd.Flags().StringVar(&o.metricsFile, "metrics-file", "", "write metrics to `FILE`, for the node exporter's textfile collector")
	bindSimulate(cmd, &o.simulate)
}

func (o *readOptions) check() error {
	return errors.Join(o.paceOptions.check(), o.shardOptions.check(), o.notify.check(), o.reading.check())
}

// historyOptions say where runs are remembered.
type historyOptions struct {
	location string
	signing  signingOptions
}

func (o *historyOptions) bind(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.location, "history", "", "`PLACE` of the history: a folder, s3://bucket/prefix, or none (default $XDG_STATE_HOME/eventinvoke)")
}

// bindOptional is for a verb that needs no place: without the flag it keeps nothing
// but, with --read changed, what it read.
func (o *historyOptions) bindOptional(cmd *cobra.Command, what string) {
	cmd.Flags().StringVar(&o.location, "history", "", what+" in `PLACE`, a folder or s3://bucket/prefix (default: nowhere; with --read changed $XDG_STATE_HOME/eventinvoke)")
}

// noHistory is the place that keeps nothing.
const noHistory = "none"

// writeOptions are the options of the verbs that write.
type writeOptions struct {
	readOptions
	historyOptions
	yes       bool
	leaseWait time.Duration
	runID     string
	guard     string
	reason    string
	approval  approvalOptions // of apply alone
}

func (o *writeOptions) bind(cmd *cobra.Command) {
	o.readOptions.bind(cmd)
	o.historyOptions.bind(cmd)
	o.signing.bind(cmd)
	cmd.Flags().BoolVarP(&o.yes, "yes", "y", false, "write without asking; needed where there is no terminal")
	bindChoice(cmd, &o.guard, "guard", "`off` lifts the limits for this one run; needs --reason", "on", "off")
	cmd.Flags().StringVar(&o.reason, "reason", "", "`TEXT` for the run's record: why the guard is off")
	cmd.Flags().StringVar(&o.runID, "run-id", "", "`ID` of the run, shared by its shards (default: the AWS Batch array job's, or a new one)")
	cmd.Flags().DurationVar(&o.leaseWait, "lease-wait", 0, "wait up to `DURATION` for another run that holds a target")
}

func (o *writeOptions) check() error {
	if o.leaseWait < 0 {
		return fmt.Errorf("--lease-wait %v is negative; leave it out to wait not at all", o.leaseWait)
	}
	switch {
	case o.guard == "off" && strings.TrimSpace(o.reason) == "":
		return errors.New("--guard off needs --reason TEXT: the run's record tells why its guard was off")
	case o.guard != "off" && o.reason != "":
		return errors.New("--reason says why the guard is off, and it is on; add --guard off, or leave --reason out")
	}
	o.runID = cmp.Or(o.runID, runOfArray(os.Getenv))
	if o.runID != "" && !runIDForm.MatchString(o.runID) {
		return fmt.Errorf("--run-id %q must be 1 to 100 letters, digits, dots, dashes or underscores", o.runID)
	}
	if err := o.readOptions.check(); err != nil {
		return err
	}
	return o.signing.open(o.historyLocation())
}

// runIDForm is what is a file name, an S3 key and a session name alike.
var runIDForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// historyLocation is where the run is remembered.
func (o *writeOptions) historyLocation() string { return o.located(o.location) }

// located is a location. A simulated run leaves nothing behind unless it is told where.
func (o *readOptions) located(location string) string {
	if location == "" && o.simulate != "" {
		return noHistory
	}
	return location
}
