package check

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

// Definition is where the custom resources of one operator are defined: files in a Go module
// of a version and with the sum of its content.
type Definition struct {
	Module, Sum, Files string
}

// Definitions are the operators whose definitions can be had. CloudNativePG's cannot.
var Definitions = []Definition{
	{"github.com/kedacore/keda/v2@v2.21.0", "h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=", "config/crd/bases/keda.sh_scaledobjects.yaml"},
	{"istio.io/api@v1.31.1", "h1:5Yb5ihcz4YQsCkciusK7DnFpBMwRB6EFWeUKH1Atuyk=", "kubernetes/customresourcedefinitions.gen.yaml"},
	{"github.com/cert-manager/cert-manager@v1.21.2", "h1:UWgoYM+KLNtRlqmoWOKjKBOBUPVHeepQ6/ac3ERJW68=", "deploy/crds/cert-manager.io_certificates.yaml"},
	{"github.com/external-secrets/external-secrets@v1.3.2", "h1:u2J8RjlHIeF0oZCqtl92adI/uZWUwOesJIDkfql6LqQ=", "config/crds/bases/external-secrets.io_externalsecrets.yaml"},
	{"github.com/argoproj/argo-cd/v2@v2.14.21", "h1:Ux50vfMUITW+Y+6GAYgQlZbr6WHE5ogiLg9OxxvP9EA=", "manifests/crds/app*-crd.yaml"},
	{"github.com/argoproj/argo-rollouts@v1.9.1", "h1:+oZciUkeJYVb1vPMOhat4JQlk525j/aT2yizEkVkjLs=", "manifests/crds/rollout-crd.yaml"},
	{"github.com/argoproj/argo-rollouts@v1.9.1", "h1:+oZciUkeJYVb1vPMOhat4JQlk525j/aT2yizEkVkjLs=", "manifests/crds/analysis-template-crd.yaml"},
	{"github.com/chaos-mesh/chaos-mesh@v0.9.1-0.20260902003049-47411975a8cb", "h1:0TeWmCELKreoLAXuoPaO2qpJe73foDgOoyU3fdKQN4A=", "config/crd/bases/chaos-mesh.org_schedules.yaml"},
}

// Undefined are the kinds that nothing here can check, with the reason.
var Undefined = map[schema.GroupKind]string{
	{Group: "postgresql.cnpg.io", Kind: "Cluster"}:  "CloudNativePG's definitions are in no module that can be had",
	{Group: "postgresql.cnpg.io", Kind: "Database"}: "CloudNativePG's definitions are in no module that can be had",
}

// Fetch brings the module into Go's module cache and returns the files with its definitions.
func (d Definition) Fetch() ([]string, error) {
	command := exec.Command("go", "mod", "download", "-json", d.Module)
	command.Dir = os.TempDir() // not this module's business: its sums are above
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("download %s: %w: %s", d.Module, err, output)
	}
	var module struct{ Dir, Sum string }
	if err := json.Unmarshal(output, &module); err != nil {
		return nil, fmt.Errorf("read what go says of %s: %w", d.Module, err)
	}
	if module.Sum != d.Sum {
		return nil, fmt.Errorf("%s has the sum %s, not %s", d.Module, module.Sum, d.Sum)
	}
	files, err := filepath.Glob(filepath.Join(module.Dir, d.Files))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s has no %s", d.Module, d.Files)
	}
	return files, err
}

// Schemas knows built-in kinds by Kubernetes' Go types and custom ones by their definitions.
type Schemas struct {
	custom map[schema.GroupVersionKind]custom
}

type custom struct {
	structure *structural.Structural
	validator validation.SchemaValidator
}

// LoadSchemas reads all [Definitions].
func LoadSchemas() (*Schemas, error) {
	s := &Schemas{custom: map[schema.GroupVersionKind]custom{}}
	for _, d := range Definitions {
		files, err := d.Fetch()
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			for document := range strings.SplitSeq("\n"+string(text), "\n---") {
				if err := s.add([]byte(document)); err != nil {
					return nil, fmt.Errorf("%s: %w", file, err)
				}
			}
		}
	}
	return s, nil
}

func (s *Schemas) add(document []byte) error {
	var definition apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(document, &definition); err != nil || definition.Kind == "" {
		return err
	}
	for _, version := range definition.Spec.Versions {
		var properties apiextensions.JSONSchemaProps
		if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(version.Schema.OpenAPIV3Schema, &properties, nil); err != nil {
			return err
		}
		structure, err := structural.NewStructural(&properties)
		if err != nil {
			return err
		}
		validator, _, err := validation.NewSchemaValidator(&properties)
		if err != nil {
			return err
		}
		kind := schema.GroupVersionKind{Group: definition.Spec.Group, Version: version.Name, Kind: definition.Spec.Names.Kind}
		s.custom[kind] = custom{structure, validator}
	}
	return nil
}

var strict = serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()

// Problems are what is wrong with the form of an object: unknown fields, wrong types, and
// for custom kinds wrong values and missing fields. The API server knows more (test-kubernetes).
func (s *Schemas) Problems(o *Object) []string {
	kind := o.GroupVersionKind()
	if _, undefined := Undefined[kind.GroupKind()]; undefined {
		return nil
	}
	c, known := s.custom[kind]
	if !known {
		text, err := o.MarshalJSON()
		if err == nil {
			_, _, err = strict.Decode(text, nil, nil)
		}
		if err != nil {
			return []string{err.Error()}
		}
		return nil
	}
	var problems []string
	for _, e := range validation.ValidateCustomResource(nil, o.Object, c.validator) {
		problems = append(problems, e.Error())
	}
	unknown := pruning.PruneWithOptions(o.DeepCopy().Object, c.structure, true, structural.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	for _, path := range unknown {
		problems = append(problems, "unknown field "+path)
	}
	return problems
}
