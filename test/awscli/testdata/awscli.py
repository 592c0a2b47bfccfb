# Runs the AWS command line as /usr/bin/aws does, a process for each command,
# but loads it once: that takes longer than a command. Each line on stdin is a
# JSON object with the arguments and the files for what is printed; the answer
# is a line with the exit status.
import json
import os
import sys

import awscli.clidriver

driver = awscli.clidriver.create_clidriver()
for service in ("ec2", "iam", "sts", "ssm", "service-quotas"):
    driver.session.get_service_model(service)

for line in sys.stdin:
    order = json.loads(line)
    child = os.fork()
    if child == 0:
        status = 255
        try:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            for number, name in ((1, "stdout"), (2, "stderr")):
                os.dup2(os.open(order[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
            os.chdir(order["folder"])
            os.environ.update(order["credentials"])
            status = driver.main(order["args"])
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
