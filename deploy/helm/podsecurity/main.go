// Podsecurity reads manifests from standard input and says of every pod template whether Kubernetes' own admission would
// let it into a namespace that enforces the restricted standard. It ends with status 1 if one would be refused.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	kyaml "sigs.k8s.io/yaml"
)

func podOf(document []byte) (string, *corev1.PodTemplateSpec, error) {
	var head struct {
		Kind     string
		Metadata struct{ Name string }
	}
	if err := kyaml.Unmarshal(document, &head); err != nil {
		return "", nil, err
	}
	name := head.Kind + "/" + head.Metadata.Name
	switch head.Kind {
	case "Deployment":
		var found appsv1.Deployment
		err := kyaml.UnmarshalStrict(document, &found)
		return name, &found.Spec.Template, err
	case "Job":
		var found batchv1.Job
		err := kyaml.UnmarshalStrict(document, &found)
		return name, &found.Spec.Template, err
	case "Pod":
		var found corev1.Pod
		err := kyaml.UnmarshalStrict(document, &found)
		return name, &corev1.PodTemplateSpec{ObjectMeta: found.ObjectMeta, Spec: found.Spec}, err
	}
	return name, nil, nil
}

func main() {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		panic(err)
	}
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	reader := yaml.NewYAMLReader(bufio.NewReader(os.Stdin))
	pods, refused := 0, 0
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			var name string
			var pod *corev1.PodTemplateSpec
			name, pod, err = podOf(document)
			if pod != nil && err == nil {
				pods++
				result := policy.AggregateCheckResults(evaluator.EvaluatePod(restricted, &pod.ObjectMeta, &pod.Spec))
				if !result.Allowed {
					refused++
					fmt.Printf("%s: %s\n", name, result.ForbiddenDetail())
				}
			}
		}
		if err != nil {
			fmt.Println(err)
			os.Exit(2)
		}
	}
	fmt.Printf("%d pods, %d refused\n", pods, refused)
	if refused > 0 || pods == 0 {
		os.Exit(1)
	}
}
