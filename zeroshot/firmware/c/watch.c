
int32_t ${name}_rate_r(const ${name}_context *context)
{
    return is_ready(context) ? context->rate : -1;
}

int ${name}_drift_r(const ${name}_context *context)
{
    int32_t rate = ${name}_rate_r(context);
    if (rate < 0) {
        return 0;
    }
    return rate > ${NAME}_HIGHEST_RATE ? 1 : rate < ${NAME}_LOWEST_RATE ? -1 : 0;
}
