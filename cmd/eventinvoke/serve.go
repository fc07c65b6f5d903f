package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/report"
	"github.com/eventinvoke/eventinvoke/internal/s3files"
	"github.com/eventinvoke/eventinvoke/internal/worker"
	"github.com/eventinvoke/eventinvoke/internal/worker/metrics"
	"github.com/eventinvoke/eventinvoke/internal/worker/queue"
	"github.com/eventinvoke/eventinvoke/internal/worker/watch"
	"github.com/eventinvoke/eventinvoke/internal/worker/web"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// serveOptions are the options of the scheduled worker.
type serveOptions struct {
	writeOptions
	every  time.Duration
	cron   string
	apply  bool
	queue  string
	settle time.Duration
	listen string
	token  string

	gap time.Duration // between two passes over everything; tests shorten it, 0 is worker.DefaultGap
}

// defaultListen is reached from this machine only: the pages name accounts.
const defaultListen = "127.0.0.1:8080"

func (o *serveOptions) bind(cmd *cobra.Command) {
	o.bindPass(cmd)
	o.reading.bind(cmd, readAuto, readAll, readChanged)
	flags := cmd.Flags()
	flags.DurationVar(&o.every, "every", 15*time.Minute, "look at everything once in each `INTERVAL`")
	flags.StringVar(&o.cron, "cron", "", "look at everything by a cron `EXPRESSION` of five fields instead")
	flags.StringVar(&o.queue, "queue-url", "", "`URL` of an SQS queue with events")
	flags.StringVar(&o.listen, "listen", defaultListen, "`ADDRESS` of the status page, /healthz, /readyz, /metrics and POST /reconcile; empty for none")
	flags.StringVar(&o.token, "token", "", "bearer `TOKEN` for POST /reconcile from other machines; better set by its variable")
	flags.DurationVar(&o.settle, "settle", worker.DefaultSettle, "look `DURATION` after an event")
}

// bindPass binds what a single pass needs.
func (o *serveOptions) bindPass(cmd *cobra.Command) {
	o.settle = worker.DefaultSettle
	o.fleetOptions.bind(cmd)
	o.paceOptions.bind(cmd)
	o.shardOptions.bind(cmd)
	o.historyOptions.bind(cmd)
	o.signing.bind(cmd)
	o.insights.bind(cmd)
	o.notify.bind(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&o.apply, "apply", false, "correct what has drifted; without it nothing is written")
	flags.DurationVar(&o.leaseWait, "lease-wait", 0, "wait up to `DURATION` for another run that holds a target")
	bindSimulate(cmd, &o.simulate)
}

func (o *serveOptions) check() error {
	o.format, o.color, o.quiet = "text", "never", true
	o.signing.unattended = true
	if o.signing.file != "" && !o.apply {
		return errors.New("--sign-key signs the history of what is written, and without --apply nothing is")
	}
	if o.settle <= 0 {
		return fmt.Errorf("--settle %v must be above 0; events come in bursts, 10s is a good start", o.settle)
	}
	return o.writeOptions.check()
}

func (o *serveOptions) timetable() (worker.Timetable, error) {
	flag := "--every"
	t, err := worker.Every(o.every)
	if o.cron != "" {
		flag = "--cron"
		t, err = worker.Cron(o.cron)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", flag, err)
	}
	return t, err
}

func newServe(a *app) *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:        "serve [PATH...]",
		SuggestFor: []string{"watch", "daemon", "worker"},
		Short:      "Run as the scheduled worker; only observes unless --apply",
		Long: `Look at the fleet again and again: on a schedule, when a fleet file changes, on
SIGHUP, and when a queue delivers an event about a function. While a fleet file
does not load, the last good one holds. SIGTERM finishes the calls in flight
and ends it.`,
		Example: `  eventinvoke serve fleet.yaml --every 15m
  eventinvoke serve fleet.yaml --apply --cron '*/15 * * * *' \
      --queue-url https://sqs.eu-west-1.amazonaws.com/111111111111/drift`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.serve(cmd.Context(), args, &o)
		},
	}
	o.bind(cmd)
	cmd.MarkFlagsMutuallyExclusive("every", "cron")
	return cmd
}

func (a *app) serve(ctx context.Context, args []string, o *serveOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	timetable, err := o.timetable()
	if err != nil {
		return err
	}
	s, err := a.newServer(args, o)
	if err != nil {
		return err
	}
	defer s.close()
	w := s.worker(timetable)

	var sources sync.WaitGroup // of what wakes the worker
	defer sources.Wait()
	// The sources end before the worker does: it answers every wake when it
	// stops, and nobody may wake it after that. One that cannot start ends the others.
	running, stop := context.WithCancel(ctx)
	defer stop()
	if err := s.startSources(running, &sources, w); err != nil {
		return err
	}
	a.log.Info("serving", "timetable", timetable.String(), "apply", o.apply)
	w.Run(ctx)
	return a.stopped(ctx)
}

// stopped is the end of a verb that goes on until a signal ends it.
func (a *app) stopped(ctx context.Context) error {
	var stopped interrupt
	if errors.As(context.Cause(ctx), &stopped) {
		a.log.Info("stopped", "signal", stopped.String())
		return stopped.code()
	}
	return nil
}

// startSources begins everything that wakes the worker beside its timetable. What
// it is told is checked before anything listens.
func (s *server) startSources(ctx context.Context, group *sync.WaitGroup, w *worker.Worker) error {
	o := s.o
	bucket, err := s.bucket()
	if err != nil {
		return err
	}
	var q *queue.Queue
	if o.queue != "" {
		opened, err := queue.Open(ctx, queue.Options{
			URL: o.queue, Version: version, Wake: w.Wake, Log: s.app.log, Observer: s.observer(),
			Foreign: s.foreign, FleetFiles: objectsOf(bucket), Problem: func(err error) { w.Problem("queue", err) },
		})
		if err != nil {
			return fmt.Errorf("--queue-url: %w", err)
		}
		q = opened
	}
	if err := s.startPages(ctx, group, w); err != nil {
		return err
	}
	if q != nil {
		group.Go(func() { q.Run(ctx) })
	}
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	group.Go(func() {
		defer signal.Stop(hangups)
		for {
			select {
			case <-hangups:
				w.Wake(worker.Wake{Cause: worker.Signal})
			case <-ctx.Done():
				return
			}
		}
	})
	changed := func() { w.Wake(worker.Wake{Cause: worker.Files}) }
	if local := slices.DeleteFunc(slices.Clone(pathsOr(s.args)), s3files.Is); o.simulate != builtInScenario && len(local) > 0 {
		files, err := watch.New(watch.Options{Paths: local, Changed: changed})
		if err != nil {
			return err
		}
		group.Go(func() { files.Run(ctx) })
	}
	if bucket != nil {
		group.Go(func() {
			bucket.Watch(ctx, s3files.PollEvery, changed, func(err error) { w.Problem("fleet files", err) })
		})
	}
	return nil
}

// bucket is where the fleet files in S3 are read from, or nil where none is.
func (s *server) bucket() (*s3files.Source, error) {
	if s.o.simulate == builtInScenario && len(s.args) == 0 {
		return nil, nil // the demo's fleet
	}
	return s.app.bucket(cmp.Or(s.app.ctx, context.Background()), pathsOr(s.args))
}

// objectsOf are the places in S3 whose events concern the fleet.
func objectsOf(bucket *s3files.Source) []string {
	if bucket == nil {
		return nil
	}
	return bucket.Objects()
}

// reload reads the fleet files again before a pass over everything, and asks for the
// accounts of organizations where a person or a changed file wants it: it returns which
// changed. Files that do not load leave the last good ones in force. The pace that they ask
// for takes effect with the pass.
func (s *server) reload(ctx context.Context, scope worker.Scope) ([]report.AccountChange, error) {
	if !scope.All {
		return nil, nil
	}
	if scope.Asked {
		s.app.knownMembers.expire()
	}
	document, err := s.app.loadFor(ctx, s.args, &s.o.readOptions)
	if err != nil {
		return nil, err
	}
	before, _ := s.known()
	s.set(func(s *server) { s.document = document })
	s.show(document)
	changed := changeOf(before.Accounts(), document.Accounts(), "")
	s.moved(changed)
	return changed, s.app.knownMembers.problem()
}

// observer tells the metrics and the status page. It is the Observer of the worker
// and of the queue.
type observer struct {
	*metrics.Metrics
	board *web.Board
}

func (s *server) observer() observer { return observer{s.metrics, s.board} }

func (r observer) Passed(report worker.Report) {
	r.Metrics.Passed(report)
	r.board.Passed(report)
}

func (r observer) QueueOpened(age func() time.Duration) {
	r.Metrics.QueueOpened(age)
	r.board.Lag("queue", func() string {
		if a := age(); a > 0 {
			return fmt.Sprintf("its oldest message is %v old", a.Round(time.Second))
		}
		return "nothing waits"
	})
}

// show puts the targets of the fleet on the status page.
func (s *server) show(document *desired.Document) {
	if mine, declared := s.o.wishes(document).Targets(); declared {
		s.board.Declare(mine)
	}
}

// moved tells the log and the status page which accounts organizations have won and lost.
func (s *server) moved(changed []report.AccountChange) {
	for _, c := range changed {
		log, name := s.app.log, c.Label
		if c.Since != "" {
			log, name = log.With("since_run", c.Since), name+", since run "+c.Since
		}
		log.Info("the accounts of an organization changed", "label", c.Label, "joined", c.Joined, "left", c.Left)
		s.board.Moved(time.Now(), name, c.Joined, c.Left)
	}
}

// keepReport leaves the report of a pass for the status page, where it is served.
func (s *server) keepReport(r *reconcile.RunResult, sweep bool, files []desired.FileInfo, changed []report.AccountChange) {
	if s.o.listen == "" {
		return
	}
	run := newReport(r, files)
	run.Functions, run.Covered = r.Covered()
	run.Accounts = changed
	if location := s.o.historyLocation(); s.o.apply && location != noHistory {
		run.Undo = "eventinvoke rollback " + r.ID + historyFlag(location)
	}
	var packed bytes.Buffer
	to := gzip.NewWriter(&packed)
	if err := errors.Join(report.HTML(to, run), to.Close()); err != nil {
		s.app.log.Warn("the status page has no report of this pass", "run", r.ID, "error", err)
		return
	}
	s.board.Report(r.ID, sweep, packed.Bytes())
}

// startPages serves the status page, the probes and the metrics, unless that is
// switched off. They answer until the worker is told to stop.
func (s *server) startPages(ctx context.Context, group *sync.WaitGroup, w *worker.Worker) error {
	if s.o.listen == "" {
		return nil
	}
	listener, err := net.Listen("tcp", s.o.listen)
	if err != nil {
		return fmt.Errorf("--listen %s: %w; write HOST:PORT with a port that is free, or 127.0.0.1:0 for any", s.o.listen, err)
	}
	server := &http.Server{
		Handler: web.NewHandler(web.Options{
			State: w.State, Wake: w.Wake, Metrics: s.metrics.Handler(), Token: s.o.token, Version: version, Applies: s.o.apply,
			Board: s.board, Done: ctx.Done(),
		}),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30 * time.Second,
	}
	s.app.log.Info("listening", "address", "http://"+listener.Addr().String())
	group.Go(func() {
		if err := serveHTTP(ctx, listener, server); err != nil {
			s.app.log.Error("the pages are not served any more", "error", err)
		}
	})
	return nil
}
