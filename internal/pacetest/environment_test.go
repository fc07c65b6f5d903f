package pacetest

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/eventinvoke/eventinvoke/internal/awslambda"
)

// What the environment says about retries changes no figure: neither in company,
// where calls are refused, nor of the tokens, of which each request pays one.
func TestHostileEnvironment(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none,
		"AWS_RETRY_MODE": "adaptive", "AWS_MAX_ATTEMPTS": "10", "AWS_NEW_RETRIES_2026": "true",
	} {
		t.Setenv(name, value)
	}
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithCredentialsProvider(keys()))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.RetryMode != aws.RetryModeAdaptive || cfg.RetryMaxAttempts != 10 {
		t.Fatalf("the environment did not arrive: %q, %d", cfg.RetryMode, cfg.RetryMaxAttempts)
	}
	f := besideSteady(1200, time.Minute).play(t, 1, hostile(cfg))
	if f.efficiency < 0.85 || f.refused > 0.01 || f.refused == 0 {
		t.Error("want efficiency 0.85, and some but at most 1 % refused")
	}
}

// hostile is eventinvoke on a configuration that asks for retries.
func hostile(cfg aws.Config) pacer {
	return func(ctx context.Context, c *caller, calls int) int {
		cfg := cfg.Copy()
		cfg.HTTPClient = c
		p := startProcessWith(c, awslambda.Pace(0, 0), cfg)
		stats := p.read(ctx, calls)
		if granted, requests := p.snapshot().Granted(), c.traffic().requests; granted != int64(requests) {
			c.account.t.Errorf("%d tokens for %d requests: every attempt pays one", granted, requests)
		}
		return stats.Done
	}
}
