package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/internal/notify"
	"github.com/eventinvoke/eventinvoke/internal/worker"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// notifyOptions say who is told what a run found.
type notifyOptions struct {
	receivers []string
}

func (o *notifyOptions) bind(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&o.receivers, "notify", nil, "tell `RECEIVER`, a webhook URL or the ARN of an SNS topic or event bus, what is new; repeatable")
}

// check finds a receiver that cannot be one before the run begins.
func (o *notifyOptions) check() error {
	for _, r := range o.receivers {
		if err := notify.Check(r); err != nil {
			return fmt.Errorf("--notify: %w", err)
		}
	}
	return nil
}

// notifyGrace is how long the end of the program waits for receivers.
const notifyGrace = 15 * time.Second

// notifier is nil where nobody is to be told. What runs have told is remembered in
// the store; where that is nil, by this process alone.
//
// Scope names the part of the fleet that the run is about: runs about another part
// have told other things.
func (a *app) notifier(ctx context.Context, o *notifyOptions, store history.Store, scope string, problem func(error)) (*notify.Notifier, error) {
	if len(o.receivers) == 0 {
		return nil, nil
	}
	options := notify.Options{Receivers: o.receivers, Version: version, Log: a.log, Problem: problem}
	if store != nil {
		sum := sha256.Sum256([]byte(scope))
		told := &toldFile{store: store, name: "notified/" + hex.EncodeToString(sum[:8]) + ".json"}
		options.Told = told.read(ctx, a.log)
		options.Remember = told.write
	}
	return notify.New(ctx, options)
}

// notify tells the receivers what a run found, after its result is written.
func (x *execution) notify(ctx context.Context, r *reconcile.RunResult) error {
	if len(x.o.notify.receivers) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, notifyGrace)
	defer cancel()
	var store history.Store
	if x.past != nil {
		store = x.past.Store()
	}
	n, err := x.app.notifier(ctx, &x.o.notify, store, x.o.scope(), nil)
	if err != nil {
		x.app.log.Warn("nobody was notified", "error", sanitize(err.Error()))
		return nil
	}
	_, fleet := r.Wishes.(reconcile.FleetWishes)
	n.Tell(notify.Of(r, fleet, nil))
	n.Close(ctx)
	return nil
}

// scope is the same for runs about the same part of a fleet.
func (o *readOptions) scope() string {
	return fmt.Sprintf("%q %q %v", o.targets, o.functions, o.mine)
}

// toldFile keeps what was told beside the history.
type toldFile struct {
	store history.Store
	name  string
	tag   history.Tag
}

// read is empty where the file cannot be read or understood: to tell twice is better than
// not to tell.
func (f *toldFile) read(ctx context.Context, log *slog.Logger) (told notify.Told) {
	ctx, cancel := context.WithTimeout(ctx, notifyGrace/3) // what is left is for the receivers
	defer cancel()
	data, tag, err := f.store.Read(ctx, f.name)
	if err != nil && !errors.Is(err, history.ErrAbsent) {
		log.Warn("what was notified before is not known, and is told again", "error", sanitize(err.Error()))
	}
	f.tag = tag
	_ = json.Unmarshal(data, &told)
	return told
}

// write replaces the file. Another run that did so meanwhile knows better.
func (f *toldFile) write(ctx context.Context, told notify.Told) error {
	data, err := json.Marshal(told)
	if err != nil {
		return err
	}
	tag, err := f.store.Write(ctx, f.name, data, f.tag)
	if errors.Is(err, history.ErrChanged) {
		if _, tag, err = f.store.Read(ctx, f.name); errors.Is(err, history.ErrAbsent) {
			err = nil
		}
	}
	if err == nil {
		f.tag = tag
	}
	return err
}

// notifyPass tells the receivers of a worker what a pass found.
func (s *server) notifyPass(r *reconcile.RunResult, scope worker.Scope, problem error) {
	if s.notifier == nil {
		return
	}
	d := notify.Of(r, scope.All, func(err error) bool { return callerr.KindOf(err) == callerr.Lease })
	d.FleetFiles(problem)
	s.notifier.Tell(d)
}

// flushNotices is for a process that sleeps from now on, and sends nothing then.
func (s *server) flushNotices(ctx context.Context) {
	if s.notifier != nil {
		ctx, cancel := context.WithTimeout(ctx, lambdaMargin/3)
		defer cancel()
		s.notifier.Flush(ctx)
	}
}

// notified shows on the status page that receivers cannot be told.
func (s *server) notified(err error) {
	s.mu.Lock()
	w := s.loop
	s.mu.Unlock()
	if w != nil {
		w.Problem("notifications", err)
	}
}

// closeNotices sends what is still to be told, for as long as an orderly end may take.
func (s *server) closeNotices() {
	if s.notifier != nil {
		ctx, cancel := context.WithTimeout(context.Background(), notifyGrace)
		defer cancel()
		s.notifier.Close(ctx)
	}
}
