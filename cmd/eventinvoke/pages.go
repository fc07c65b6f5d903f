package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/eventinvoke/eventinvoke/internal/worker"
	"github.com/eventinvoke/eventinvoke/internal/worker/metrics"
	"github.com/eventinvoke/eventinvoke/internal/worker/web"
)

// startPages serves the status page, the probes and the metrics, unless that is
// switched off. They answer until the worker is told to stop.
func (a *app) startPages(ctx context.Context, group *sourceGroup, w *worker.Worker, o *serveOptions, m *metrics.Metrics) error {
	if o.listen == "" {
		return nil
	}
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("--listen %s: %w; another address, such as 127.0.0.1:0, takes a free port", o.listen, err)
	}
	server := &http.Server{
		Handler:           web.NewHandler(web.Options{State: w.State, Wake: w.Wake, Metrics: m.Handler(), Token: o.token, Version: version, Applies: o.apply}),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30 * time.Second,
	}
	a.log.Info("listening", "address", "http://"+listener.Addr().String())
	group.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			a.log.Error("the pages are not served any more", "error", err)
		}
	})
	group.Go(func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if server.Shutdown(grace) != nil {
			server.Close()
		}
	})
	return nil
}
