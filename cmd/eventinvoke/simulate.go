package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/examples"
	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

func newSimulate(a *app) *cobra.Command {
	var addr, scenario string
	var printEnv bool
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Serve a pretend AWS, with quotas and faults, to try things out",
		Long: `Serve, until interrupted, the part of AWS that event invoke configs need, with
the accounts, quotas and faults of a scenario file. The aws command, Terraform
and eventinvoke can talk to it. It keeps everything in memory.`,
		Example: `  eventinvoke simulate --addr 127.0.0.1:4566 --scenario scenario.yaml
  eval "$(eventinvoke simulate --print-env)"`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			sim, err := openWorld(scenario)
			if err != nil {
				return err
			}
			if printEnv {
				return printWorldEnv(cmd.Context(), a, sim, addr)
			}
			return a.serveWorld(cmd.Context(), sim, addr)
		},
	}
	cmd.Flags().StringVar(&addr, "addr", "127.0.0.1:4566", "`ADDRESS` to listen on; port 0 takes a free one")
	cmd.Flags().StringVar(&scenario, "scenario", "", "scenario `FILE` (default: the demo's)")
	cmd.Flags().BoolVar(&printEnv, "print-env", false, "print the exports for a shell that is to talk to it, and exit")
	return cmd
}

// openWorld makes the world of a scenario file; "" is the demo's.
func openWorld(path string) (*awssim.World, error) {
	text, err := examples.FS.ReadFile(examples.DemoScenario)
	if path == "" {
		path = examples.DemoScenario
	} else {
		text, err = readNamed("the scenario ", path, "a file, or none for the demo's")
	}
	if err != nil {
		return nil, err
	}
	s, err := awssim.ParseScenario(path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	return awssim.New(s)
}

func (a *app) serveWorld(ctx context.Context, sim *awssim.World, addr string) error {
	a.goesOn.Store(true)
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w; give another --addr, such as 127.0.0.1:4600, here and to --print-env", addr, err)
	}
	a.log.Info("simulating AWS", "address", "http://"+listener.Addr().String())
	// Being told to stop is how this verb ends: that is no failure.
	return serveHTTP(ctx, listener, &http.Server{Handler: sim, ReadHeaderTimeout: 10 * time.Second})
}

// serveHTTP serves until ctx ends, and gives the answers under way then two seconds.
func serveHTTP(ctx context.Context, listener net.Listener, server *http.Server) error {
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if server.Shutdown(grace) != nil {
			server.Close()
		}
	})
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	<-closed
	return nil
}

// calledHost is where a server that listens on a host is called from its own machine: one
// that listens everywhere has no address to call, and listens on loopback too.
func calledHost(host string) string {
	switch ip := net.ParseIP(host); {
	case host == "", ip != nil && ip.IsUnspecified() && ip.To4() != nil:
		return "127.0.0.1"
	case ip != nil && ip.IsUnspecified():
		return "::1"
	}
	return host
}

// spoilsWorld are the variables that a shell may have and in which an SDK or the aws command
// finds other credentials, or a reason to ask elsewhere or not at all.
// https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html#EVarSettings
var spoilsWorld = []string{
	"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_CREDENTIAL_EXPIRATION",
	"AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ACCOUNT_ID", "AWS_ACCOUNT_ID_ENDPOINT_MODE",
	"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
	"AWS_CA_BUNDLE", "AWS_AUTH_SCHEME_PREFERENCE",
}

// falseInWorld are those that the default profile may set too, over which only a variable wins.
var falseInWorld = []string{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"}

// endpointOfService are the variables that win over AWS_ENDPOINT_URL, each for one service.
var endpointOfService = regexp.MustCompile(`^AWS_ENDPOINT_URL_[A-Za-z0-9_]+$`)

// printWorldEnv serves nothing, so that a shell can eval what it prints. The simulator may
// not listen yet; where somebody else does, the shell would talk to them.
func printWorldEnv(ctx context.Context, a *app, sim *awssim.World, addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || port == "" || port == "0" {
		return fmt.Errorf("--print-env cannot name the address %q; give the --addr that the simulator listens on, with its port, such as 127.0.0.1:4566", addr)
	}
	address := net.JoinHostPort(calledHost(host), port)
	if heldByAnother(ctx, address) {
		return fmt.Errorf("what listens on %s is not the simulator; start it with another --addr, such as 127.0.0.1:4600, and give that here", address)
	}
	spoils := slices.Clone(spoilsWorld)
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); endpointOfService.MatchString(name) {
			spoils = append(spoils, name)
		}
	}
	slices.Sort(spoils)
	fmt.Fprintf(a.out, "unset %s\n", strings.Join(spoils, " "))
	for _, name := range falseInWorld {
		fmt.Fprintf(a.out, "export %s=false\n", name)
	}
	fmt.Fprintf(a.out, "export AWS_ENDPOINT_URL=http://%s\n", address)
	fmt.Fprintf(a.out, "export AWS_ACCESS_KEY_ID=%s\n", sim.DefaultAccessKeyID())
	fmt.Fprintf(a.out, "export AWS_SECRET_ACCESS_KEY=simulated\n")
	fmt.Fprintf(a.out, "export AWS_REGION=%s\n", sim.DefaultRegion())
	// Version 1 of the aws command reads only this one.
	fmt.Fprintf(a.out, "export AWS_DEFAULT_REGION=%s\n", sim.DefaultRegion())
	return nil
}

// heldByAnother reports whether a server listens on an address and is not a simulator, which
// alone says of itself, to whatever it is asked, what it does not model.
func heldByAnother(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second) // scenarios may have latencies of seconds
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	conn.Close()
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/who", nil)
	if err != nil {
		return true
	}
	ask.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/lambda/aws4_request")
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(ask) // through no proxy
	if err != nil {
		return true
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
	return !bytes.Contains(body, []byte("The simulator does not model"))
}
