package insight

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"
)

func TestLosingDestinations(t *testing.T) {
	s := Set{Destinations: []Destination{{State: DestinationUnknown}, {State: DestinationExists}, {State: DestinationExists}, {State: DestinationMissing}, {State: DestinationWrongKind}, {State: DestinationMissing}}}
	if n := s.LosingDestinations(); n != 3 {
		t.Errorf("%d destinations lose what is sent there, want 3", n)
	}
}

func TestAuthorAsText(t *testing.T) {
	for a, want := range map[Author]string{
		{Kind: "role", Name: "deploy", Client: "CloudFormation", Stack: "orders"}: "role deploy (CloudFormation stack orders)",
		{Kind: "role", Name: "deploy", Client: "Terraform"}:                       "role deploy (Terraform)",
		{Principal: "arn:aws:iam::1:role/x"}:                                      "arn:aws:iam::1:role/x",
		{RunID: "r", Kind: "role", Name: "deploy"}:                                "run r",
		{}: "",
	} {
		if got := a.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestByAuthor(t *testing.T) {
	ops, deploy := Author{Kind: "user", Name: "ops", Client: "console"}, Author{Kind: "role", Name: "deploy", Client: "Terraform"}
	s := Set{Authors: []Authorship{{Author: ops}, {Author: deploy}, {Author: deploy}}}
	if got := s.ByAuthor(); !slices.Equal(got, []string{"2 by role deploy (Terraform)", "1 by user ops (console)"}) {
		t.Error(got)
	}
}

// TestUnlearnt: what ended the run is told where it did, and else that the time was too short.
func TestUnlearnt(t *testing.T) {
	slow, stop := errors.New("too slow"), errors.New("stopped by a person")
	stopped, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	late, end := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer end()
	for why, row := range map[string]struct {
		ctx  context.Context
		want error
	}{"the run goes on": {t.Context(), slow}, "its own time is up": {late, slow}, "the run was stopped": {stopped, stop}} {
		if got := Unlearnt(row.ctx, slow); got != row.want {
			t.Errorf("%s: %v, want %v", why, got, row.want)
		}
	}
}
