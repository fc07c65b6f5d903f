package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// healthPatience bounds the question: a worker that answers later than this is
// not well, and the engine's own time for the check is often not much longer.
const healthPatience = 3 * time.Second

func newHealthcheck(*app) *cobra.Command {
	var listen string
	cmd := &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask a worker on this machine whether it is alive",
		Long: `Ask /healthz of the worker on this machine: exit code 0 when it answers, 1 when
not. For container engines, since the image has no shell.`,
		Example: `  eventinvoke healthcheck
  eventinvoke healthcheck --listen :9090`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return askHealth(cmd.Context(), listen)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", defaultListen, "`ADDRESS` that serve was given")
	return cmd
}

func askHealth(ctx context.Context, listen string) error {
	url, err := healthURL(listen)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, healthPatience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("--listen %s: %w", listen, err)
	}
	// A transport of its own: a proxy of the environment leads away from this
	// machine.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		why := "no answer within " + healthPatience.String()
		if refused := (syscall.Errno)(0); errors.As(err, &refused) {
			why = refused.Error()
		}
		return fmt.Errorf("the worker does not answer at %s: %s; is it serving on --listen %s?", url, why, listen)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(answer.Body, 200))
		return fmt.Errorf("%s answers %s: %s; is another program listening on --listen %s?", url, answer.Status, strings.TrimSpace(string(body)), listen)
	}
	return nil
}

// healthURL is where a worker that was given an address can be asked from its
// own machine.
func healthURL(listen string) (string, error) {
	if listen == "" {
		return "", errors.New("--listen is empty: a worker that serves no pages cannot be asked; give both an address such as 127.0.0.1:8080")
	}
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", fmt.Errorf("--listen %s is not HOST:PORT, such as 127.0.0.1:8080: %w", listen, err)
	}
	return "http://" + net.JoinHostPort(calledHost(host), port) + "/healthz", nil
}
