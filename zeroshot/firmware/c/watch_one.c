
int32_t ${name}_rate(void)
{
    return ${name}_rate_r(ready());
}

int ${name}_drift(void)
{
    return ${name}_drift_r(ready());
}
