package pacetest

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/smithy-go/middleware"
	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"golang.org/x/time/rate"
)

// rival is a way to pace, and its name in COMPARISON.md.
type rival struct {
	name string
	pace pacer
}

// rivals are the ways that the comparison plays, ours first. Each but ours is the
// SDK's client with 16 workers, which try an operation again a second after it
// failed for good.
func rivals() []rival {
	const fixed = ceiling
	return []rival{
		{"**eventinvoke**", ours(awslambda.Pace(0, 0))},
		{"SDK, standard retries", sdk(standard)},
		{"SDK, adaptive retries", sdk(func() (func(*lambda.Options), func(context.Context) error) {
			return withRetryer(newAdaptive()), nil
		})},
		{"13.5/s around each call", sdk(func() (func(*lambda.Options), func(context.Context) error) {
			limiter := rate.NewLimiter(fixed, 1)
			return withRetryer(retry.NewStandard()), limiter.Wait
		})},
		{"13.5/s around each attempt", sdk(func() (func(*lambda.Options), func(context.Context) error) {
			return perAttempt(rate.NewLimiter(fixed, 1)), nil
		})},
	}
}

func standard() (func(*lambda.Options), func(context.Context) error) {
	return withRetryer(retry.NewStandard()), nil
}

func withRetryer(r aws.Retryer) func(*lambda.Options) {
	return func(o *lambda.Options) { o.Retryer = r }
}

// perAttempt takes a token for each attempt, inside the SDK's retry loop.
func perAttempt(l *rate.Limiter) func(*lambda.Options) {
	wait := middleware.FinalizeMiddlewareFunc("FixedRate",
		func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
			out middleware.FinalizeOutput, md middleware.Metadata, err error,
		) {
			if err := l.Wait(ctx); err != nil {
				return out, md, &aws.RequestCanceledError{Err: err}
			}
			return next.HandleFinalize(ctx, in)
		})
	return func(o *lambda.Options) {
		o.Retryer = retry.NewStandard()
		o.APIOptions = append(o.APIOptions, func(s *middleware.Stack) error {
			return s.Finalize.Insert(wait, "Retry", middleware.After)
		})
	}
}

// sdk makes calls by the SDK alone. Set up gives the client's options, and what
// each call has to wait for beforehand (nil: nothing).
func sdk(setUp func() (func(*lambda.Options), func(context.Context) error)) pacer {
	return func(ctx context.Context, c *caller, calls int) int {
		options, wait := setUp()
		client := lambda.NewFromConfig(aws.Config{Region: here.Region, Credentials: keys(), HTTPClient: c}, options)
		attempt := func(function string) error {
			if wait != nil {
				if err := wait(ctx); err != nil {
					return err
				}
			}
			_, err := client.ListFunctionEventInvokeConfigs(ctx, &lambda.ListFunctionEventInvokeConfigsInput{FunctionName: &function})
			return err
		}
		queue := make(chan string, calls)
		for i := range calls {
			queue <- functionName(i)
		}
		close(queue)
		var mu sync.Mutex
		done := 0
		var workers sync.WaitGroup
		for range 16 {
			workers.Go(func() {
				for function := range queue {
					for attempt(function) != nil {
						if ctx.Err() != nil {
							return
						}
						time.Sleep(time.Second)
					}
					mu.Lock()
					done++
					mu.Unlock()
				}
			})
		}
		workers.Wait()
		return done
	}
}
