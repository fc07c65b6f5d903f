package reconcile

import (
	"testing"

	"github.com/eventinvoke/eventinvoke/desired"
)

func retries(n int) desired.Config {
	return desired.Config{desired.MaximumRetryAttempts: desired.Number(n)}
}

func age(n int) desired.Config {
	return desired.Config{desired.MaximumEventAgeInSeconds: desired.Number(n)}
}

func onFailure(arn string) desired.Config {
	return desired.Config{desired.OnFailure: desired.Text(arn)}
}

const (
	queueA = "arn:aws:sqs:eu-west-1:111111111111:a"
	queueB = "arn:aws:sqs:eu-west-1:111111111111:b"
)

func TestDiffering(t *testing.T) {
	for _, row := range []struct {
		why  string
		want desired.Config
		have Settings
		diff desired.Config
	}{
		{why: "nothing is managed, so nothing can differ", have: Settings{desired.OnFailure: desired.Text(queueA)}},
		{why: "absent retries behave as 2", want: retries(2)},
		{why: "explicit 2 and absent are equal in effect", want: retries(2), have: Settings{desired.MaximumRetryAttempts: desired.Number(2)}},
		{why: "0 retries is a wish, not an absence", want: retries(0), diff: retries(0)},
		{why: "1 held where 0 is wanted", want: retries(0), have: Settings{desired.MaximumRetryAttempts: desired.Number(1)}, diff: retries(0)},
		{why: "absent age behaves as 21600", want: age(21600)},
		{why: "a shorter age than the default", want: age(60), diff: age(60)},
		{why: "none wanted, none held", want: onFailure("")},
		{why: "none wanted, one held: cleared by an explicit empty destination", want: onFailure(""), have: Settings{desired.OnFailure: desired.Text(queueA)}, diff: onFailure("")},
		{why: "another queue", want: onFailure(queueB), have: Settings{desired.OnFailure: desired.Text(queueA)}, diff: onFailure(queueB)},
		{why: "an unmanaged success destination is nobody's business", want: onFailure(queueA), have: Settings{desired.OnFailure: desired.Text(queueA), desired.OnSuccess: desired.Text(queueB)}},
		{
			why:  "only what differs is in the difference",
			want: desired.Config{desired.MaximumRetryAttempts: desired.Number(1), desired.OnFailure: desired.Text(queueA), desired.OnSuccess: desired.Text("")},
			have: Settings{desired.MaximumRetryAttempts: desired.Number(1), desired.OnSuccess: desired.Text(queueB), desired.OnFailure: desired.Text(queueA)},
			diff: desired.Config{desired.OnSuccess: desired.Text("")},
		},
	} {
		if got := differing(row.want, row.have); got != row.diff {
			t.Errorf("%s:\n got %+v\nwant %+v", row.why, got, row.diff)
		}
		if got := Matches(row.want, row.have); got != (row.diff == desired.Config{}) {
			t.Errorf("%s: Matches is %v", row.why, got)
		}
	}
}

func TestAnUpdateWithTheDifferenceClosesIt(t *testing.T) {
	for _, row := range []struct {
		want desired.Config
		have Settings
	}{
		{retries(0), Settings{}},
		{onFailure(""), Settings{desired.OnFailure: desired.Text(queueA), desired.OnSuccess: desired.Text(queueB)}},
		{desired.Config{desired.OnSuccess: desired.Text(queueB), desired.MaximumEventAgeInSeconds: desired.Number(61)}, Settings{desired.OnFailure: desired.Text(queueA)}},
	} {
		after := row.have.With(differing(row.want, row.have))
		if !Matches(row.want, after) {
			t.Errorf("%+v over %+v leaves %+v, which still differs", row.want, row.have, after)
		}
	}
}
