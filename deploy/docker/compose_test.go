// Package docker checks the container files without a container engine.
package docker

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"golang.org/x/mod/modfile"
)

const root = "../.."

// jobs run to their end; everything else stays and needs a health check.
var jobs = []string{"temporal-schema", "migrate", "apply"}

// secretsFile runs the script that people run.
func secretsFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "made", "compose.env")
	out, err := exec.Command("./secrets.sh", file).CombinedOutput()
	require.NoError(t, err, string(out))
	return file
}

// load reads the file as "docker compose" does: merged, interpolated and validated against the specification.
func load(t *testing.T, envFiles ...string) (*types.Project, error) {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(root, "docker-compose.yml")},
		cli.WithWorkingDirectory(root), cli.WithEnvFiles(envFiles...), cli.WithDotEnv)
	require.NoError(t, err)
	return options.LoadProject(t.Context())
}

func project(t *testing.T) (*types.Project, map[string]string) {
	t.Helper()
	file := secretsFile(t)
	p, err := load(t, file)
	require.NoError(t, err)
	require.NotEmpty(t, p.Services)
	secrets := map[string]string{}
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if name, value, found := strings.Cut(strings.TrimSpace(line), "="); found {
			secrets[name] = value
		}
	}
	return p, secrets
}

func TestSecretsAreRandomPrivateAndNeverOverwritten(t *testing.T) {
	file := secretsFile(t)
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	first, err := os.ReadFile(file)
	require.NoError(t, err)
	values := regexp.MustCompile(`(?m)^MEAI_COMPOSE_\w+=([0-9a-f]{48})$`).FindAllString(string(first), -1)
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(values))), 9)

	out, err := exec.Command("./secrets.sh", file).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "is there already")
	again, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, first, again)
}

func TestComposeFileSaysWhatIsMissing(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.env")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	_, err := load(t, empty)
	require.ErrorContains(t, err, "run deploy/docker/secrets.sh")
}

func TestEveryServiceIsHardened(t *testing.T) {
	p, _ := project(t)
	for name, s := range p.Services {
		t.Run(name, func(t *testing.T) {
			require.True(t, s.ReadOnly)
			require.Equal(t, []string{"ALL"}, s.CapDrop)
			require.Empty(t, s.CapAdd)
			require.Contains(t, s.SecurityOpt, "no-new-privileges:true")
			require.False(t, s.Privileged)
			require.Regexp(t, `^[a-z/-]+:(\d+\.\d+(\.\d+)?(-\w+)?|local)$`, s.Image, "an exact version")
			for _, port := range s.Ports {
				require.Equal(t, "127.0.0.1", port.HostIP, "port %s", port.Published)
			}
			for _, volume := range s.Volumes {
				if volume.Type == types.VolumeTypeBind {
					require.FileExists(t, strings.TrimSuffix(existing(t, volume.Source), "/"))
					require.True(t, volume.ReadOnly, volume.Source)
				}
			}
			if slices.Contains(jobs, name) {
				require.Nil(t, s.HealthCheck)
				require.Contains(t, s.Restart, "on-failure")
				return
			}
			require.NotNil(t, s.HealthCheck)
			require.NotEmpty(t, s.HealthCheck.Test)
			require.Equal(t, "unless-stopped", s.Restart)
		})
	}
}

// existing returns a file below the source of a bind mount, which may itself be a folder.
func existing(t *testing.T, source string) string {
	t.Helper()
	info, err := os.Stat(source)
	require.NoError(t, err)
	if !info.IsDir() {
		return source
	}
	files, err := os.ReadDir(source)
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return filepath.Join(source, files[0].Name())
}

func TestNoSecretIsWrittenInTheComposeFile(t *testing.T) {
	p, secrets := project(t)
	used := map[string]bool{}
	for name, s := range p.Services {
		for key, value := range s.Environment {
			require.NotNil(t, value, "%s of %s would be taken from whoever starts it", key, name)
			for secret, text := range secrets {
				used[secret] = used[secret] || strings.Contains(*value, text)
			}
			if regexp.MustCompile(`PASSWORD|PWD|API_KEY$|ALLOWED_KEYS|POSTGRES_.*URL`).MatchString(key) {
				require.True(t, slices.ContainsFunc(mapValues(secrets), func(text string) bool { return strings.Contains(*value, text) }),
					"%s of %s", key, name)
			}
		}
	}
	require.Len(t, used, len(secrets))
	for secret, isUsed := range used {
		require.True(t, isUsed, "%s is used nowhere", secret)
	}
}

func mapValues(m map[string]string) []string {
	var values []string
	for _, value := range m {
		values = append(values, value)
	}
	return values
}

func TestOnlyMigrateHasTheOwnersPassword(t *testing.T) {
	p, _ := project(t)
	for name, s := range p.Services {
		_, has := s.Environment["MEAI_POSTGRES_OWNER_URL"]
		require.Equal(t, name == "migrate", has, name)
	}
}

func TestEnginesHaveTheVersionsOfTheLocalStack(t *testing.T) {
	p, _ := project(t)
	local, weaviate := modules(t, "../local/go.mod"), modules(t, "../local/weaviate/go.mod")
	for service, want := range map[string]string{
		"temporal":        "temporalio/server:" + local["go.temporal.io/server"],
		"temporal-schema": "temporalio/admin-tools:" + local["go.temporal.io/server"],
		"temporal-ui":     "temporalio/ui:" + local["github.com/temporalio/ui-server/v2"],
		"weaviate":        "semitechnologies/weaviate:" + weaviate["github.com/weaviate/weaviate"],
	} {
		require.Equal(t, want, p.Services[service].Image, service)
	}
}

// modules maps each required module to its version without the leading v.
func modules(t *testing.T, file string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	parsed, err := modfile.ParseLax(file, text, nil)
	require.NoError(t, err)
	versions := map[string]string{}
	for _, r := range parsed.Require {
		versions[r.Mod.Path] = strings.TrimPrefix(r.Mod.Version, "v")
	}
	return versions
}

func TestEveryDeclaredQueueHasAWorkerOfItsName(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "temporal.yaml"))
	require.NoError(t, err)
	var declaration struct {
		TaskQueues map[string]any `yaml:"task_queues"`
	}
	require.NoError(t, yaml.Unmarshal(text, &declaration))
	p, _ := project(t)
	served := map[string]any{}
	for name, s := range p.Services {
		if queue, isWorker := strings.CutPrefix(name, "worker-"); isWorker {
			require.Equal(t, types.ShellCommand{"worker", "--queue", queue}, s.Command)
			served[queue] = declaration.TaskQueues[queue]
		}
	}
	// Backups are proven on machines of their own, with PostgreSQL's programs and the key that opens every backup.
	require.Contains(t, declaration.TaskQueues, "proving")
	delete(declaration.TaskQueues, "proving")
	require.Equal(t, declaration.TaskQueues, served, "a queue that nobody serves keeps its work waiting")
}

func TestWebInterfaceDoesNotReachTheDatabase(t *testing.T) {
	p, _ := project(t)
	for name, want := range map[string][]string{"temporal-ui": {"durable"}, "weaviate": {"vectors"}, "postgres": {"database"}} {
		service := p.Services[name]
		require.Equal(t, want, service.NetworksByPriority(), name)
	}
}
