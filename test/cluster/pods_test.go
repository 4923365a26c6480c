// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// eventually polls until check returns nil. It fails the test when that does not
// happen in time.
func eventually(t *testing.T, what string, within time.Duration, check func() error) {
	t.Helper()
	deadline := time.After(within)
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	started := time.Now()
	for {
		err := check()
		if err == nil {
			t.Logf("%s: after %s", what, time.Since(started).Round(100*time.Millisecond))
			return
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("%s: %v", what, err)
		case <-deadline:
			t.Fatalf("%s: not within %s: %v", what, within, err)
		case <-ticker.C:
		}
	}
}

// managers are the pods of the operator that are not going away.
func managers(ctx context.Context) ([]corev1.Pod, error) {
	var pods corev1.PodList
	err := world.client.List(ctx, &pods, client.InNamespace(namespace), client.MatchingLabels{
		"app.kubernetes.io/name": "bucketcors", "app.kubernetes.io/component": "manager",
	})
	var alive []corev1.Pod
	for _, pod := range pods.Items {
		if pod.DeletionTimestamp == nil && pod.Status.Phase != corev1.PodFailed && pod.Status.Phase != corev1.PodSucceeded {
			alive = append(alive, pod)
		}
	}
	return alive, err
}

func isReady(pod corev1.Pod) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// expectManagers waits until there are so many pods of the operator, all ready and
// of the version.
func expectManagers(t *testing.T, count int, version string) []corev1.Pod {
	t.Helper()
	var pods []corev1.Pod
	eventually(t, fmt.Sprintf("%d ready pods of %s", count, version), time.Minute, func() error {
		var err error
		if pods, err = managers(t.Context()); err != nil {
			return err
		}
		if len(pods) != count {
			return fmt.Errorf("there are %d pods", len(pods))
		}
		for _, pod := range pods {
			if !isReady(pod) || !strings.HasSuffix(pod.Spec.Containers[0].Image, ":"+version) {
				return fmt.Errorf("pod %s of %s is ready: %t", pod.Name, pod.Spec.Containers[0].Image, isReady(pod))
			}
		}
		return nil
	})
	return pods
}

// leader returns who holds the lease: the name of a pod and something behind it.
func leader(ctx context.Context) (string, error) {
	var leases coordinationv1.LeaseList
	if err := world.client.List(ctx, &leases, client.InNamespace(namespace)); err != nil {
		return "", err
	}
	if len(leases.Items) != 1 {
		return "", fmt.Errorf("there are %d leases", len(leases.Items))
	}
	holder := leases.Items[0].Spec.HolderIdentity
	if holder == nil || *holder == "" {
		return "", errors.New("nobody holds the lease")
	}
	return *holder, nil
}

// leadingPod returns the pod that holds the lease.
func leadingPod(t *testing.T) (pod corev1.Pod, identity string) {
	t.Helper()
	eventually(t, "a pod holds the lease", time.Minute, func() error {
		var err error
		if identity, err = leader(t.Context()); err != nil {
			return err
		}
		pods, err := managers(t.Context())
		if err != nil {
			return err
		}
		for _, pod = range pods {
			if strings.HasPrefix(identity, pod.Name+"_") {
				return nil
			}
		}
		return fmt.Errorf("%s is no pod that is there", identity)
	})
	return pod, identity
}

// expectOtherLeader waits until another process holds the lease.
func expectOtherLeader(t *testing.T, former string) {
	t.Helper()
	eventually(t, "another process holds the lease", time.Minute, func() error {
		now, err := leader(t.Context())
		if err == nil && now == former {
			err = fmt.Errorf("%s still holds it", former)
		}
		return err
	})
}

// processOf returns the process of the operator in a pod, as this machine sees it.
func processOf(pod corev1.Pod) (int, error) {
	files, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		return 0, err
	}
	for _, file := range files {
		groups, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(groups), "pod"+string(pod.UID)) {
			continue
		}
		name, err := os.ReadFile(filepath.Join(filepath.Dir(file), "comm"))
		if err == nil && strings.TrimSpace(string(name)) == "bucketcors" {
			return strconv.Atoi(filepath.Base(filepath.Dir(file)))
		}
	}
	return 0, fmt.Errorf("there is no process of the pod %s", pod.Name)
}

// kill ends the operator in a pod at once.
func kill(t *testing.T, pod corev1.Pod) {
	t.Helper()
	process, err := processOf(pod)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(process, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// managerLogs are the logs of all pods of the operator, for people who look for why
// a test failed.
func managerLogs(ctx context.Context) string {
	if world.clientset == nil {
		return ""
	}
	var all strings.Builder
	pods, err := world.clientset.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err.Error() + "\n"
	}
	for _, pod := range pods.Items {
		for _, previous := range []bool{true, false} {
			log, err := world.clientset.CoreV1().Pods(namespace).GetLogs(pod.Name, &corev1.PodLogOptions{
				Previous: previous, TailLines: new(int64(200)),
			}).DoRaw(ctx)
			if err == nil {
				fmt.Fprintf(&all, "==> log of %s (of a former container: %t)\n%s\n", pod.Name, previous, log)
			}
		}
	}
	return all.String()
}
