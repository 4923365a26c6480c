##@ GitOps

# Argo CD's libraries are half of Kubernetes: without vet and the race detector they
# compile in some minutes. golangci-lint vets the tests themselves.
GOTEST_GITOPS := go test -count=1 -timeout=20m -vet=off

.PHONY: test-gitops
test-gitops: ## What Argo CD, Flux and Helm make of policies, with their own libraries
	@echo '==> go test ./test/gitops (the first time its libraries take some minutes to compile)'
	@cd test/gitops && $(GOTEST_GITOPS) ./...

.PHONY: generate-gitops
generate-gitops: ## Record the test data of config/argocd anew, and write its ConfigMap
	@cd test/gitops && $(GOTEST_GITOPS) -run TestEveryStateIsRecorded . -update
	@cd test/gitops && $(GOTEST_GITOPS) -run TestTheConfigMapOfArgoCDHasTheScripts . -update
	@cd test/gitops && $(GOTEST_GITOPS) -run TestArgoCDHealthOfEveryState . -update
