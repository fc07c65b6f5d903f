package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/report"
	"github.com/eventinvoke/eventinvoke/internal/worker"
	"github.com/eventinvoke/eventinvoke/internal/worker/metrics"
	"github.com/eventinvoke/eventinvoke/internal/worker/web"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// recorder tells the metrics and the status page. It is the Recorder of the worker
// and of the queue.
type recorder struct {
	*metrics.Metrics
	board *web.Board // may be nil
}

func (s *server) recorder() recorder { return recorder{s.metrics, s.board} }

func (r recorder) Passed(report worker.Report) {
	r.Metrics.Passed(report)
	if r.board != nil {
		r.board.Passed(report)
	}
}

func (r recorder) QueueOpened(age func() time.Duration) {
	r.Metrics.QueueOpened(age)
	if r.board != nil {
		r.board.Lag("queue", func() string {
			if a := age(); a > 0 {
				return fmt.Sprintf("its oldest message is %v old", a.Round(time.Second))
			}
			return "nothing waits"
		})
	}
}

// show puts the targets of the fleet on the status page, where there is one.
func (s *server) show(document *desired.Document) {
	if s.board == nil {
		return
	}
	if mine, declared := s.o.wishes(document).Targets(); declared {
		s.board.Declare(mine)
	}
}

// moved tells the log and the status page which accounts organizations have won and lost.
func (s *server) moved(changed []report.AccountChange) {
	for _, c := range changed {
		log, name := s.app.log, c.Target
		if c.Since != "" {
			log, name = log.With("since_run", c.Since), name+", since run "+c.Since
		}
		log.Info("the accounts of an organization changed", "target", c.Target, "joined", c.Joined, "left", c.Left)
		if s.board != nil {
			s.board.Moved(time.Now(), name, c.Joined, c.Left)
		}
	}
}

// keepReport leaves the report of a pass for the status page, where there is one.
func (s *server) keepReport(r *reconcile.RunResult, sweep bool, files []desired.FileInfo, changed []report.AccountChange) {
	if s.board == nil {
		return
	}
	run := newReport(r, files)
	run.Functions, run.Covered = r.Covered()
	run.Accounts = changed
	if place := s.o.place(); s.o.apply && place != noHistory {
		run.Undo = "eventinvoke rollback " + r.ID + historyFlag(place)
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
func (s *server) startPages(ctx context.Context, group *sourceGroup, w *worker.Worker) error {
	if s.o.listen == "" {
		return nil
	}
	listener, err := net.Listen("tcp", s.o.listen)
	if err != nil {
		return fmt.Errorf("--listen %s: %w; another --listen, such as 127.0.0.1:0, takes a free port", s.o.listen, err)
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
