package lab

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"meai/deploy/local/internal/product"
)

func TestAPlanIsRememberedAndPrivate(t *testing.T) {
	data := t.TempDir()
	plan, err := loadPlan(data, 4)
	require.NoError(t, err)
	require.NoError(t, plan.save())
	info, err := os.Stat(filepath.Join(data, planFile))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	again, err := loadPlan(data, 4)
	require.NoError(t, err)
	require.Equal(t, plan, again)
	_, err = loadPlan(data, 8)
	require.ErrorContains(t, err, "made with 4 history shards and cannot run with 8")
}

func TestEachSiteSeesTheOthersAtAddressesOfItsOwn(t *testing.T) {
	plan, err := loadPlan(t.TempDir(), 4)
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, route := range plan.routes() {
		require.NotEqual(t, route.From, route.To)
		require.False(t, seen[route.Listen], "%s is listened on twice", route.Listen)
		seen[route.Listen] = true
		for _, other := range plan.routes() {
			require.NotEqual(t, route.Listen, other.Upstream, "a way that leads past the network")
		}
	}
	require.Len(t, seen, 2*6+2*6+2*4, "of each region six services, of the control site four, for two others")
	for _, from := range Sites {
		for _, url := range plan.etcdSeen(from)[1:] {
			require.True(t, seen[url[len("http://"):]], "%s is behind the network for %s", url, from)
		}
	}
}

func TestNothingThatASiteIsToldLeadsPastTheNetwork(t *testing.T) {
	plan, err := loadPlan(t.TempDir(), 4)
	require.NoError(t, err)
	for _, site := range Sites {
		require.NoError(t, os.MkdirAll(plan.Folder(site), 0o700))
		require.NoError(t, plan.writeConfig(site, "/nowhere/meai", "weaviate"))
		text, err := os.ReadFile(plan.ConfigPath(site))
		require.NoError(t, err)
		if site == Control {
			for _, region := range Regions {
				view, err := os.ReadFile(plan.ViewPath(region))
				require.NoError(t, err)
				require.Contains(t, string(view), plan.seen(site, region)+":")
				text = append(text, view...)
			}
		}
		for _, other := range Sites {
			if other != site {
				require.NotContains(t, string(text), plan.Host(other)+":", "%s knows where %s really is", site, other)
			}
		}
		var c product.Config
		text, err = os.ReadFile(plan.ConfigPath(site))
		require.NoError(t, err)
		require.NoError(t, yaml.Unmarshal(text, &c))
		require.Len(t, c.Regions.Etcd, 3)
		require.Len(t, c.Regions.Postgres, 2)
		require.Equal(t, site, c.Regions.Name)
	}
}
