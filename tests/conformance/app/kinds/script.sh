echo "from a file" > {outputs.result}
