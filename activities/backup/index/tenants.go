package index

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weaviate/weaviate-go-client/v4/weaviate/graphql"
	"github.com/weaviate/weaviate/entities/models"
	"golang.org/x/sync/errgroup"
)

const (
	// statusBatch is how many tenants Weaviate lets change at once.
	statusBatch = 100
	// activateWithin bounds how long activated tenants may take until they are active;
	// offloaded ones are fetched from a bucket first.
	activateWithin = 30 * time.Minute
	// counters is how many tenants are counted at once.
	counters = 4
	// logSecond is longer than what tells the logs of a tenant's graph apart: Weaviate names
	// them by the second, and leaves out of a backup the one that it writes to, which in the
	// first second is the only one.
	logSecond = 1100 * time.Millisecond
)

// statuses are those of all tenants, by collection. A collection without tenants has the
// single tenant "", which is always active.
type statuses map[string]map[string]string

func isActive(status string) bool {
	return status == "" || status == models.TenantActivityStatusACTIVE || status == models.TenantActivityStatusHOT
}

// list reads all collections and tenants.
func (e *engine) list(ctx context.Context) (statuses, error) {
	schema, err := e.client.Schema().Getter().Do(ctx)
	if err != nil {
		return nil, fmt.Errorf("list weaviate's collections: %w", classify(err))
	}
	all := make(statuses)
	for _, class := range schema.Classes {
		if class.MultiTenancyConfig == nil || !class.MultiTenancyConfig.Enabled {
			all[class.Class] = map[string]string{"": ""}
			continue
		}
		if all[class.Class], err = e.tenants(ctx, class.Class); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (e *engine) tenants(ctx context.Context, collection string) (map[string]string, error) {
	tenants, err := e.client.Schema().TenantsGetter().WithClassName(collection).Do(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the tenants of %s: %w", collection, classify(err))
	}
	status := make(map[string]string, len(tenants))
	for _, t := range tenants {
		status[t.Name] = t.ActivityStatus
	}
	return status, nil
}

// inactive are the tenants that are not active.
func (s statuses) inactive() statuses {
	found := make(statuses)
	for collection, tenants := range s {
		for tenant, status := range tenants {
			if isActive(status) {
				continue
			}
			if found[collection] == nil {
				found[collection] = make(map[string]string)
			}
			found[collection][tenant] = status
		}
	}
	return found
}

// tenants is how many there are.
func (s statuses) tenants() (n int64) {
	for _, tenants := range s {
		n += int64(len(tenants))
	}
	return n
}

// activate activates tenants and returns once they can be backed up.
func (e *engine) activate(ctx context.Context, asleep statuses) error {
	total := asleep.tenants()
	if total == 0 {
		return nil
	}
	for collection, tenants := range asleep {
		awake := maps.Clone(tenants)
		for tenant := range awake {
			awake[tenant] = models.TenantActivityStatusACTIVE
		}
		if err := e.change(ctx, collection, awake); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, activateWithin, fmt.Errorf("%w: tenants did not become active within %s", ErrServer, activateWithin))
	defer cancel()
	for {
		left, err := e.stillInactive(ctx, asleep)
		if err != nil {
			return err
		}
		e.o.tell(Activating, total-left, total)
		if left == 0 {
			return pause(ctx, logSecond)
		}
		if pause(ctx, pollEvery) != nil {
			return context.Cause(ctx)
		}
	}
}

// stillInactive is how many of some tenants are not active. One that was removed
// meanwhile is none of them.
func (e *engine) stillInactive(ctx context.Context, asleep statuses) (left int64, err error) {
	for collection, tenants := range asleep {
		now, err := e.tenants(ctx, collection)
		if err != nil {
			return 0, err
		}
		for tenant := range tenants {
			if !isActive(now[tenant]) {
				left++
			}
		}
	}
	return left, nil
}

// putBack gives tenants the status that they had before they were activated. Those that
// were on the way to or from offloading stay as they are now.
func (e *engine) putBack(ctx context.Context, asleep statuses) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	for collection, tenants := range asleep {
		now, err := e.tenants(ctx, collection)
		if err != nil {
			return fmt.Errorf("put %d tenants back: %w", len(tenants), err)
		}
		before := maps.Clone(tenants)
		maps.DeleteFunc(before, func(tenant, status string) bool {
			_, exists := now[tenant]
			return !exists || !slices.Contains([]string{
				models.TenantActivityStatusINACTIVE, models.TenantActivityStatusCOLD,
				models.TenantActivityStatusOFFLOADED, models.TenantActivityStatusFROZEN,
			}, status)
		})
		if err := e.change(ctx, collection, before); err != nil {
			return err
		}
	}
	return nil
}

// change sets the status of tenants.
func (e *engine) change(ctx context.Context, collection string, to map[string]string) error {
	names := slices.Sorted(maps.Keys(to))
	for batch := range slices.Chunk(names, statusBatch) {
		tenants := make([]models.Tenant, len(batch))
		for i, name := range batch {
			tenants[i] = models.Tenant{Name: name, ActivityStatus: to[name]}
		}
		err := e.client.Schema().TenantsUpdater().WithClassName(collection).WithTenants(tenants...).Do(ctx)
		if err != nil {
			return fmt.Errorf("change the status of %d tenants of %s: %w", len(batch), collection, classify(err))
		}
	}
	return nil
}

// holdings are numbers of objects by collection and tenant.
type holdings map[string]map[string]int

// count counts the objects of all tenants. The numbers are exact: unlike those of the
// nodes API, they have what is not on disk yet. A tenant that is gone is left out.
func (e *engine) count(ctx context.Context, all statuses, step Step) (holdings, error) {
	found := make(holdings, len(all))
	var mu sync.Mutex // found, done and the progress
	done, total := int64(0), all.tenants()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(counters)
	for collection, tenants := range all {
		held := make(map[string]int, len(tenants))
		found[collection] = held
		for tenant := range tenants {
			group.Go(func() error {
				n, exists, err := e.countOne(ctx, collection, tenant)
				mu.Lock()
				defer mu.Unlock()
				if exists {
					held[tenant] = n
				}
				done++
				e.o.tell(step, done, total)
				return err
			})
		}
	}
	return found, group.Wait()
}

func (e *engine) countOne(ctx context.Context, collection, tenant string) (n int, exists bool, err error) {
	query := e.client.GraphQL().Aggregate().WithClassName(collection).
		WithFields(graphql.Field{Name: "meta", Fields: []graphql.Field{{Name: "count"}}})
	if tenant != "" {
		query = query.WithTenant(tenant)
	}
	response, err := query.Do(ctx)
	if missing, err := graphError(response, err); err != nil || missing {
		return 0, false, wrapped(fmt.Sprintf("count the objects of tenant %q of %s", tenant, collection), err)
	}
	var data struct {
		Aggregate map[string][]struct{ Meta struct{ Count int } }
	}
	if err := decode(response, &data); err != nil {
		return 0, false, err
	}
	if groups := data.Aggregate[collection]; len(groups) > 0 {
		n = groups[0].Meta.Count
	}
	return n, true, nil
}

// graphError reads the errors that a GraphQL answer carries beside status 200; missing is
// that of a tenant that does not exist, which Weaviate tells by text alone.
func graphError(response *models.GraphQLResponse, err error) (missing bool, _ error) {
	if err != nil {
		return answers(err, http.StatusUnprocessableEntity) && tenantMissing(err.Error()), classify(err)
	}
	if len(response.Errors) == 0 {
		return false, nil
	}
	messages := make([]string, len(response.Errors))
	for i, e := range response.Errors {
		messages[i] = e.Message
	}
	all := strings.Join(messages, "; ")
	if tenantMissing(all) {
		return true, nil
	}
	return false, fmt.Errorf("weaviate refused the query: %s", all)
}

func tenantMissing(message string) bool { return strings.Contains(message, "tenant not found") }

// decode reads a GraphQL answer, which the client leaves as maps of maps.
func decode(response *models.GraphQLResponse, into any) error {
	raw, err := json.Marshal(response.Data)
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	return wrapped("read weaviate's answer", err)
}
