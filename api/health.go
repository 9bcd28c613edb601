package api

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// readyTimeout bounds each dependency's check.
const readyTimeout = 2 * time.Second

// ReadyCheck asks one dependency whether it answers.
type ReadyCheck struct {
	Name string
	// Required: without it the server is not ready; without another it is degraded.
	Required bool
	// Check returns nil when the dependency answers. It is given two seconds.
	Check func(ctx context.Context) error
}

// GetHealth implements [StrictServerInterface].
func (s *Server) GetHealth(context.Context, GetHealthRequestObject) (GetHealthResponseObject, error) {
	return GetHealth200JSONResponse{Status: HealthStatusUp, Version: s.version}, nil
}

// GetReadiness implements [StrictServerInterface].
func (s *Server) GetReadiness(ctx context.Context, _ GetReadinessRequestObject) (GetReadinessResponseObject, error) {
	report := Readiness{Status: ReadinessStatusReady, Checks: s.check(ctx)}
	for _, c := range report.Checks {
		switch {
		case c.Status == DependencyCheckStatusUp:
		case c.Required:
			report.Status = ReadinessStatusUnavailable
			return GetReadiness503JSONResponse(report), nil
		default:
			report.Status = ReadinessStatusDegraded
		}
	}
	return GetReadiness200JSONResponse(report), nil
}

// check asks all dependencies at once. Why one is down goes to the log: an
// address or a user name in the error is nobody else's business.
func (s *Server) check(ctx context.Context) []DependencyCheck {
	checks := make([]DependencyCheck, len(s.ready))
	var all sync.WaitGroup
	for i, dependency := range s.ready {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, readyTimeout)
			defer cancel()
			begin := time.Now()
			err := dependency.Check(ctx)
			checks[i] = DependencyCheck{
				Name: dependency.Name, Required: dependency.Required, Status: DependencyCheckStatusUp,
				Milliseconds: float64(time.Since(begin).Microseconds()) / 1000,
			}
			if err != nil {
				checks[i].Status = DependencyCheckStatusDown
				s.log.LogAttrs(ctx, slog.LevelWarn, "dependency is down", slog.String("dependency", dependency.Name), slog.Any("error", err))
			}
		})
	}
	all.Wait()
	return checks
}
