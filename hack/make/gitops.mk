##@ GitOps

.PHONY: test-gitops
test-gitops: ## What Argo CD, Flux and Helm make of policies, with their own libraries
	@echo '==> go test ./test/gitops (the first time its libraries take some minutes to compile)'
	@cd test/gitops && $(GOTEST_PLAIN) ./...

.PHONY: generate-gitops
generate-gitops: ## Record the test data of config/argocd anew, and write its ConfigMap
	@cd test/gitops && $(GOTEST_PLAIN) -run TestEveryStateIsRecorded . -update
	@cd test/gitops && $(GOTEST_PLAIN) -run TestTheConfigMapOfArgoCDHasTheScripts . -update
	@cd test/gitops && $(GOTEST_PLAIN) -run TestArgoCDHealthOfEveryState . -update
